// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/marker.hpp"

#include "larder/internal/call_function.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <utility>

namespace larder::internal {

namespace {

/// Blobs up to this size are read in one go even if they may be binaries, of
/// which nothing is needed.
constexpr uint64_t inline_limit = uint64_t{1} << 20;

/// The text of an encoded key, for messages.
std::string name_of(const std::string& encoded) {
  auto key = decode_key(encoded);
  return key ? to_edn(*key) : encoded;
}

} // namespace

marker::marker(context_ptr ctx, keep_set& keep)
  : ctx_(std::move(ctx)), keep_(keep) {
  // nop
}

expected<void> marker::start(const mark_request& req) {
  auto same = req.function == function_name_ && req.arguments == arguments_;
  if (pending() > 0 && !same)
    return fail(errc::invalid_argument, std::to_string(pending())
                                          + " keys are pending to be marked "
                                            "with \""
                                          + function_name_
                                          + "\": finish that first");
  if (pending() == 0) {
    auto found = ctx_->config().functions.find(req.function);
    if (!found)
      return fail(std::move(found.error()));
    function_ = *found;
    function_name_ = req.function;
    arguments_ = req.arguments;
    ++walk_;
  }
  for (auto& key : req.roots)
    if (auto ok = reach(key); !ok)
      return ok;
  return {};
}

expected<void> marker::reach(const value& key) {
  auto added = keep_.add(key, walk_);
  if (!added)
    return fail(std::move(added.error()));
  report_.marked += added->is_new ? 1 : 0;
  if (added->is_first)
    queue_.push_back({added->encoded, false});
  return {};
}

std::vector<read_request> marker::next_reads(size_t n) {
  std::vector<read_request> result;
  while (result.size() < n && !queue_.empty()) {
    auto at = queue_.front();
    queue_.pop_front();
    read_request req;
    req.key = *at.key;
    req.part = at.whole ? blob_part::all : blob_part::range;
    req.length = at.whole ? 0 : inline_limit;
    result.push_back(std::move(req));
    reading_.push_back(at);
  }
  return result;
}

expected<void> marker::take(std::vector<read_outcome> outcomes) {
  auto visits = std::exchange(reading_, {});
  for (size_t i = 0; i < visits.size(); ++i)
    if (auto ok = take(visits[i], outcomes[i]); !ok)
      return fail(ok.error().with_context(name_of(*visits[i].key)));
  return {};
}

expected<void> marker::take(const visit& at, const read_outcome& outcome) {
  if (!outcome)
    return fail(outcome.error());
  if (!*outcome) {
    ++report_.visited;
    ++report_.missing;
    return {};
  }
  auto& blob = **outcome;
  auto hdr = header::decode(blob.data);
  if (!hdr)
    return fail(std::move(hdr.error()));
  auto whole = blob.data.size() == blob.blob_size;
  if (!whole && hdr->value_offset() > blob.data.size()) {
    queue_.push_front({at.key, true});
    return {};
  }
  auto meta = ctx_->blobs().decode_metadata(*at.key, blob.data);
  if (!meta)
    return fail(std::move(meta.error()));
  auto gone = meta->expired(ctx_->now());
  if (!gone && meta->type == content_type::edn && !whole) {
    queue_.push_front({at.key, true});
    return {};
  }
  ++report_.visited;
  report_.missing += gone ? 1 : 0;
  if (gone || meta->type != content_type::edn)
    return {};
  auto doc = ctx_->blobs().decode(*at.key, blob.data);
  if (!doc)
    return fail(std::move(doc.error()));
  return follow(doc->content);
}

/// Goes on with what a value refers to.
expected<void> marker::follow(const value& content) {
  auto found = call_function(*function_, &content, arguments_);
  if (!found)
    return fail(std::move(found.error()));
  if (found->is_nil())
    return {};
  if (!found->is(value::kind::vector) && !found->is(value::kind::list)
      && !found->is(value::kind::set))
    return fail(errc::wrong_type, "the function \"" + function_name_
                                    + "\" must return a vector, list or set of "
                                      "keys, not a "
                                    + std::string{to_string(found->type())});
  for (auto& key : found->items())
    if (auto ok = reach(key); !ok)
      return ok;
  return {};
}

mark_reply marker::take_report() {
  auto result = std::exchange(report_, {});
  result.pending = pending();
  return result;
}

} // namespace larder::internal
