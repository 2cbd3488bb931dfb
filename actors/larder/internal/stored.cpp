// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/stored.hpp"

#include "larder/internal/engine_access.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/internal/page_limit.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

namespace larder::internal {

namespace {

stored_entry describe(const list_entry& item) {
  stored_entry result;
  auto key = decode_key(item.key);
  if (!key) {
    // Not a name that larder gives out: shown as it is, never hidden.
    result.key = value{to_bytes(item.key)};
    result.damage = item.blob ? std::move(key.error()) : item.blob.error();
    return result;
  }
  result.key = std::move(*key);
  if (!item.blob) {
    result.damage = item.blob.error();
  } else if (auto hdr = header::decode(item.blob->data); !hdr) {
    result.damage = std::move(hdr.error());
  } else {
    result.rev = hdr->rev;
    result.size = item.blob->blob_size;
  }
  return result;
}

// -- append logs --------------------------------------------------------------

/// Reads the head of a log; nothing if the key holds none (any more).
expected<std::optional<log_head>> read_head(const stored_source& from,
                                            const std::string& encoded) {
  read_request wanted{encoded, blob_part::all, 0, 0, std::nullopt};
  auto outcome = from.read(wanted);
  if (!outcome)
    return fail(std::move(outcome.error()));
  if (!*outcome)
    return std::nullopt;
  auto doc = from.context().blobs().decode(encoded, (*outcome)->data);
  if (!doc)
    return fail(std::move(doc.error()));
  if (doc->meta.type != content_type::append_log)
    return std::nullopt;
  return log_head::from_value(doc->content);
}

/// Checks that a segment that was read before is as it was when the log began
/// where `wanted` says: only a truncation changes it.
/// @param there whether it was there
expected<void> check_segment(const stored_source& from,
                             const std::string& encoded,
                             const stored_segment& wanted, bool there) {
  auto head = read_head(from, encoded);
  if (!head)
    return fail(std::move(head.error()));
  auto same
    = *head && (*head)->id == wanted.log.id
      && ((*head)->first < wanted.number || (*head)->begin == wanted.log.begin);
  auto name = "segment " + std::to_string(wanted.number) + " of the log";
  if (!same)
    return fail(errc::conflict, name + " has been removed meanwhile");
  if (!there)
    return fail(errc::corruption, name + " is missing");
  return {};
}

/// What the head of a log says.
/// @param start the head, or its beginning
expected<std::optional<stored_log>> log_of(const stored_source& from,
                                           const std::string& encoded,
                                           const revision& rev,
                                           const blob_view& start) {
  auto blob = start.data;
  read_outcome whole;
  if (blob.size() < start.blob_size) {
    read_request wanted{encoded, blob_part::all, 0, 0, rev};
    whole = from.read(wanted);
    if (!whole)
      return fail(std::move(whole.error()));
    if (!*whole)
      return fail(errc::conflict, "the log has been erased meanwhile");
    blob = (*whole)->data;
  }
  auto doc = from.context().blobs().decode(encoded, blob);
  if (!doc && doc.error() == errc::unknown_encryption_key)
    return std::nullopt;
  if (!doc)
    return fail(std::move(doc.error()));
  auto head = log_head::from_value(doc->content);
  if (!head)
    return fail(std::move(head.error()));
  return stored_log{head->id, head->begin, head->first, head->next};
}

} // namespace

// -- source -------------------------------------------------------------------

expected<list_page> stored_source::list(const list_request& req) const {
  return moment_ ? moment_->list(req) : ctx_.engine().list(req);
}

read_outcome stored_source::read(const read_request& req) const {
  std::span wanted{&req, 1};
  if (!moment_)
    return std::move(internal::read(ctx_, wanted, *stats_).front());
  auto outcomes = moment_->read(wanted);
  if (outcomes.size() != 1)
    return fail(errc::internal, ctx_.name() + " has not answered a read");
  auto& result = outcomes.front();
  if (result && *result)
    ctx_.shared_statistics().stored_read.add_shared((*result)->data.size());
  return std::move(result);
}

// -- reading ------------------------------------------------------------------

expected<list_stored_reply> list_stored(const stored_source& from,
                                        const list_stored_request& req) {
  list_request page_request;
  page_request.after = req.after;
  page_request.limit = page_limit(req.limit);
  page_request.part = blob_part::header;
  auto page = from.list(page_request);
  if (!page)
    return fail(std::move(page.error()));
  list_stored_reply result;
  result.next = std::move(page->next);
  for (auto& item : page->entries)
    if (!is_hidden_key(item.key))
      result.entries.push_back(describe(item));
  return result;
}

expected<read_stored_reply> read_stored(const stored_source& from,
                                        const read_stored_request& req) {
  auto limit = from.context().config().max_message_size;
  if (req.length > limit)
    return fail(errc::limit_exceeded,
                std::to_string(req.length)
                  + " bytes do not fit into one message of "
                  + std::to_string(limit) + ", read ranges");
  auto has_header = req.offset == 0 && req.length >= header::max_size;
  if (!req.pinned && !has_header)
    return fail(errc::invalid_argument,
                "bytes without the header need the revision of their blob");
  auto encoded = encode_key(req.key);
  if (!encoded)
    return fail(std::move(encoded.error()));
  if (req.segment && req.segment->number < req.segment->log.first)
    return fail(errc::invalid_argument, "the log has no such segment");
  read_request wanted{req.segment
                        ? segment_key(req.segment->log.id, req.segment->number)
                        : *encoded,
                      blob_part::range, req.offset, req.length, req.pinned};
  auto outcome = from.read(wanted);
  if (!outcome)
    return fail(std::move(outcome.error()));
  if (req.segment)
    if (auto ok
        = check_segment(from, *encoded, *req.segment, outcome->has_value());
        !ok)
      return fail(std::move(ok.error()));
  if (!*outcome)
    return fail(errc::not_found, "no such key: " + to_edn(req.key));
  auto& blob = **outcome;
  read_stored_reply result{std::make_shared<const bytes>(to_bytes(blob.data)),
                           blob.blob_size, req.pinned.value_or(revision{})};
  if (!has_header)
    return result;
  auto hdr = header::decode(blob.data);
  if (!hdr)
    return fail(hdr.error().with_context(to_edn(req.key)));
  result.rev = hdr->rev;
  if (req.segment || !hdr->has(header::flag_log))
    return result;
  auto log = log_of(from, *encoded, hdr->rev, blob);
  if (!log)
    return fail(log.error().with_context(to_edn(req.key)));
  result.log = std::move(*log);
  return result;
}

} // namespace larder::internal
