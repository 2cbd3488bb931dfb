// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/engine_access.hpp"

#include "larder/chunks.hpp"
#include "larder/internal/log_reader.hpp"
#include "larder/internal/page_limit.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <algorithm>

namespace larder::internal {

namespace {

/// Turns what an engine throws, against its contract, into errors.
template <class Outcome, class F>
std::vector<Outcome> guarded_batch(store_context& ctx, size_t n, F call) {
  auto all = [&](const std::string& what) {
    auto err = error{errc::io_error, ctx.name() + ": " + what, true};
    return std::vector<Outcome>(n, Outcome{tl::unexpect, err});
  };
  try {
    auto result = call();
    if (result.size() == n)
      return result;
    return all("the engine answered " + std::to_string(result.size()) + " of "
               + std::to_string(n) + " requests");
  } catch (const std::exception& ex) {
    return all(ex.what());
  } catch (...) {
    return all("unknown exception");
  }
}

/// Reads one part of one blob.
expected<std::optional<blob_view>>
read_one(store_context& ctx, read_request req, actor_statistics& stats) {
  auto outcomes = read(ctx, std::span{&req, 1}, stats);
  return std::move(outcomes.front());
}

/// A chunk reader that stays with one revision of a blob.
expected<chunk_reader> open_binary(store_context& ctx, const value& key,
                                   const std::string& encoded,
                                   std::optional<revision> pinned,
                                   actor_statistics& stats) {
  auto head = read_one(ctx, {encoded, blob_part::header, 0, 0, pinned}, stats);
  if (!head)
    return fail(std::move(head.error()));
  if (!*head)
    return fail(errc::not_found, "no such key: " + to_edn(key));
  auto hdr = header::decode((*head)->data);
  if (!hdr)
    return fail(std::move(hdr.error()));
  auto rev = hdr->rev;
  auto fetch = [&ctx, &stats, encoded, rev](uint64_t offset,
                                            size_t length) -> expected<bytes> {
    auto part
      = read_one(ctx, {encoded, blob_part::range, offset, length, rev}, stats);
    if (!part)
      return fail(std::move(part.error()));
    if (!*part)
      return fail(errc::conflict, "the key was erased while it was read");
    return to_bytes((*part)->data);
  };
  return chunk_reader::open(ctx.blobs(), encoded, (*head)->blob_size, fetch);
}

} // namespace

bool means_damage(const error& err) noexcept {
  return err == errc::corruption || err == errc::authentication_failed;
}

void report_damage(store_context& ctx, const value& key, const error& err,
                   actor_statistics& stats) {
  stats.damaged.add();
  if (auto& log = ctx.log(); log.on())
    log.write(log_level::error, "damaged", log.with_error({log.key(key)}, err));
}

std::vector<commit_outcome>
commit(store_context& ctx, std::span<mutation> items, actor_statistics& stats) {
  stopwatch watch;
  auto result = guarded_batch<commit_outcome>(
    ctx, items.size(), [&] { return ctx.engine().commit(items); });
  auto failed = [](const commit_outcome& x) {
    return !x && x.error() != errc::precondition_failed
           && x.error() != errc::conflict;
  };
  auto first = std::find_if(result.begin(), result.end(), failed);
  auto failures = std::count_if(first, result.end(), failed);
  stats.commit_failures.add(static_cast<uint64_t>(failures));
  if (auto& log = ctx.log(); failures > 0 && log.on())
    log.write(log_level::error, "commit-failed",
              log.with_error({{"mutations", items.size()},
                              {"failed", static_cast<int64_t>(failures)}},
                             first->error()));
  stats.commits.add();
  stats.mutations.add(items.size());
  stats.batch_sizes.add(items.size());
  stats.commit_microseconds.add(watch.microseconds());
  return result;
}

std::vector<read_outcome> read(store_context& ctx,
                               std::span<const read_request> items,
                               actor_statistics& stats) {
  auto result = guarded_batch<read_outcome>(
    ctx, items.size(), [&] { return ctx.engine().read(items); });
  uint64_t size = 0;
  for (auto& x : result)
    if (x && *x)
      size += (*x)->data.size();
  stats.stored_read.add(size);
  return result;
}

namespace {

expected<read_reply> try_read_range(store_context& ctx,
                                    const read_range_request& req,
                                    actor_statistics& stats) {
  auto encoded = encode_key(req.key);
  if (!encoded)
    return fail(std::move(encoded.error()));
  auto reader = open_binary(ctx, req.key, *encoded, req.pinned, stats);
  if (!reader)
    return fail(reader.error().with_context(to_edn(req.key)));
  auto& meta = reader->meta();
  if (meta.expired(ctx.now()))
    return fail(errc::not_found, "no such key: " + to_edn(req.key));
  auto size = reader->size();
  if (req.offset > size)
    return fail(errc::out_of_range, to_edn(req.key) + " has "
                                      + std::to_string(size)
                                      + " bytes, there is nothing at "
                                      + std::to_string(req.offset));
  auto length = std::min(req.length.value_or(size), size - req.offset);
  auto limit = ctx.config().max_message_size;
  if (length > limit)
    return fail(errc::limit_exceeded,
                std::to_string(length)
                  + " bytes do not fit into one message of "
                  + std::to_string(limit) + ", read ranges");
  auto content = reader->read(req.offset, static_cast<size_t>(length));
  if (!content)
    return fail(content.error().with_context(to_edn(req.key)));
  stats.plain_read.add(content->size());
  return read_reply{std::make_shared<const bytes>(std::move(*content)), size,
                    meta.rev};
}

/// How often what has been written meanwhile is read again.
constexpr int max_attempts = 100;

/// Calls `f` until it is not disturbed by a writer.
template <class F>
auto undisturbed(F f) {
  for (auto i = 1;; ++i) {
    auto result = f();
    if (result || result.error() != errc::conflict || i == max_attempts)
      return result;
  }
}

/// A blob that was read whole.
struct stored_document : document {
  uint64_t stored_size;
};

/// Nothing if there is no such blob.
expected<std::optional<stored_document>>
read_document(store_context& ctx, const std::string& encoded,
              actor_statistics& stats) {
  auto blob
    = read_one(ctx, {encoded, blob_part::all, 0, 0, std::nullopt}, stats);
  if (!blob)
    return fail(std::move(blob.error()));
  if (!*blob)
    return std::nullopt;
  auto doc = ctx.blobs().decode(encoded, (*blob)->data);
  if (!doc)
    return fail(std::move(doc.error()));
  return stored_document{std::move(*doc), (*blob)->blob_size};
}

expected<std::optional<log_segment>>
read_segment(store_context& ctx, const uuid& log, uint64_t number,
             actor_statistics& stats, uint64_t& stored_size) {
  auto doc = read_document(ctx, segment_key(log, number), stats);
  if (!doc)
    return fail(std::move(doc.error()));
  if (!*doc)
    return std::nullopt;
  stored_size += (*doc)->stored_size;
  return log_segment::from_value((*doc)->content);
}

/// Checks all segments of a log and returns their size as stored.
/// @returns `conflict` if the log was truncated or erased meanwhile
expected<uint64_t> verify_segments(store_context& ctx,
                                   const std::string& encoded,
                                   const document& doc,
                                   actor_statistics& stats) {
  auto head = log_head::from_value(doc.content);
  if (!head)
    return fail(std::move(head.error()));
  uint64_t result = 0;
  log_cursor cursor{*head, head->begin, [&](uint64_t number) {
                      return read_segment(ctx, head->id, number, stats, result);
                    }};
  for (;;) {
    auto entries = cursor.next();
    if (entries && entries->empty())
      return result;
    if (entries)
      continue;
    auto err = std::move(entries.error());
    if (!(err == errc::conflict))
      return fail(std::move(err));
    auto now
      = read_one(ctx, {encoded, blob_part::header, 0, 0, doc.meta.rev}, stats);
    // With the same head, what is missing must be there.
    return now && *now ? fail(errc::corruption, err.message())
                       : fail(std::move(err));
  }
}

expected<verify_reply> try_verify(store_context& ctx, const verify_request& req,
                                  actor_statistics& stats) {
  auto encoded = encode_key(req.key);
  if (!encoded)
    return fail(std::move(encoded.error()));
  auto head
    = read_one(ctx, {*encoded, blob_part::header, 0, 0, std::nullopt}, stats);
  if (!head)
    return fail(std::move(head.error()));
  if (!*head)
    return fail(errc::not_found, "no such key: " + to_edn(req.key));
  auto hdr = header::decode((*head)->data);
  if (!hdr)
    return fail(std::move(hdr.error()));
  if (hdr->has(header::flag_chunked)) {
    auto reader = open_binary(ctx, req.key, *encoded, std::nullopt, stats);
    if (!reader)
      return fail(std::move(reader.error()));
    if (auto ok = reader->verify(); !ok)
      return fail(std::move(ok.error()));
    if (reader->meta().expired(ctx.now()))
      return fail(errc::not_found, "no such key: " + to_edn(req.key));
    return verify_reply{(*head)->blob_size, content_type::binary};
  }
  auto doc = read_document(ctx, *encoded, stats);
  if (!doc)
    return fail(std::move(doc.error()));
  if (!*doc || (*doc)->meta.expired(ctx.now()))
    return fail(errc::not_found, "no such key: " + to_edn(req.key));
  verify_reply result{(*doc)->stored_size, (*doc)->meta.type};
  if (result.type == content_type::append_log) {
    auto more = verify_segments(ctx, *encoded, **doc, stats);
    if (!more)
      return fail(more.error().with_context(to_edn(req.key)));
    result.stored_size += *more;
  }
  return result;
}

/// A record with an expiry is a lease: what it names is not garbage before.
void add_garbage(std::vector<collect_garbage>& to, const log_garbage& what,
                 const list_entry& record, int64_t now) {
  auto hdr = record.blob ? header::decode(record.blob->data)
                         : fail(record.blob.error());
  if (!hdr || hdr->expiry == 0)
    to.push_back({what});
  else if (hdr->expired(now))
    to.push_back({what, hdr->rev});
}

/// Checks header and metadata, whatever part of the blob is there.
expected<metadata> checked_metadata(store_context& ctx, const std::string& key,
                                    const blob_view& blob,
                                    actor_statistics& stats) {
  auto result = ctx.blobs().decode_metadata(key, blob.data);
  if (result || blob.data.size() == blob.blob_size
      || !header::decode(blob.data))
    return result;
  auto more
    = read_one(ctx, {key, blob_part::metadata, 0, 0, std::nullopt}, stats);
  if (!more)
    return fail(std::move(more.error()));
  if (!*more)
    return fail(errc::not_found, "the key was erased");
  return ctx.blobs().decode_metadata(key, (*more)->data);
}

/// Makes an entry of a listing, unless the key is not there any more.
std::optional<key_entry> describe_entry(store_context& ctx,
                                        const list_entry& item,
                                        bool with_metadata, int64_t now,
                                        actor_statistics& stats) {
  key_entry result;
  auto look_closer = with_metadata;
  if (!item.blob) {
    result.damage = to_string(item.blob.error());
    look_closer = false;
  } else if (!with_metadata) {
    // A header is not believed when it says that its key is not to be seen.
    auto hdr = header::decode(item.blob->data);
    look_closer = hdr && hdr->expired(now);
    if (!hdr)
      result.damage = to_string(hdr.error());
  }
  if (look_closer) {
    auto meta = checked_metadata(ctx, item.key, *item.blob, stats);
    if (meta ? meta->expired(now) : meta.error() == errc::not_found)
      return std::nullopt;
    if (!meta) {
      result.damage = to_string(meta.error());
    } else if (with_metadata) {
      result.key = meta->key;
      result.meta = std::move(*meta);
      return result;
    }
  }
  if (auto key = decode_key(item.key)) {
    result.key = std::move(*key);
  } else {
    // Not a name that larder gives out: shown as it is, never hidden.
    result.key = value{to_bytes(item.key)};
    if (result.damage.empty())
      result.damage = to_string(key.error());
  }
  return result;
}

} // namespace

expected<read_reply> read_range(store_context& ctx,
                                const read_range_request& req,
                                actor_statistics& stats) {
  if (req.pinned)
    return try_read_range(ctx, req, stats);
  return undisturbed([&] { return try_read_range(ctx, req, stats); });
}

expected<verify_reply> verify(store_context& ctx, const verify_request& req,
                              actor_statistics& stats) {
  auto result = undisturbed([&] { return try_verify(ctx, req, stats); });
  if (result)
    stats.verified.add();
  else if (means_damage(result.error()))
    report_damage(ctx, req.key, result.error(), stats);
  return result;
}

expected<std::optional<log_segment>> read_segment(store_context& ctx,
                                                  const uuid& log,
                                                  uint64_t number,
                                                  actor_statistics& stats) {
  uint64_t ignored = 0;
  return read_segment(ctx, log, number, stats, ignored);
}

expected<list_keys_reply> list_keys(store_context& ctx,
                                    const list_keys_request& req,
                                    actor_statistics& stats) {
  if (req.limit == 0)
    return fail(errc::invalid_argument, "the limit must be at least 1");
  list_request page_request;
  if (!req.prefix.is_nil()) {
    auto prefix = encode_key_prefix(req.prefix);
    if (!prefix)
      return fail(std::move(prefix.error()));
    page_request.prefix = std::move(*prefix);
  }
  page_request.after = req.after;
  page_request.limit = page_limit(req.limit);
  page_request.part = req.with_metadata ? blob_part::metadata
                                        : blob_part::header;
  auto page = ctx.engine().list(page_request);
  if (!page)
    return fail(std::move(page.error()));
  list_keys_reply result;
  result.next = std::move(page->next);
  auto now = ctx.now();
  result.entries.reserve(page->entries.size());
  for (auto& item : page->entries) {
    if (is_hidden_key(item.key))
      continue;
    auto entry = describe_entry(ctx, item, req.with_metadata, now, stats);
    if (entry)
      result.entries.push_back(std::move(*entry));
  }
  return result;
}

expected<scan_expired_reply> find_expired(store_context& ctx,
                                          const scan_expired& req) {
  list_request page_request;
  page_request.after = req.after;
  page_request.part = blob_part::header;
  auto page = ctx.engine().list(page_request);
  if (!page)
    return fail(std::move(page.error()));
  scan_expired_reply result;
  result.next = std::move(page->next);
  auto now = ctx.now();
  for (auto& item : page->entries) {
    if (auto garbage = parse_garbage_key(item.key))
      add_garbage(result.garbage, *garbage, item, now);
    if (is_hidden_key(item.key) || !item.blob)
      continue;
    auto hdr = header::decode(item.blob->data);
    if (!hdr || !hdr->expired(now))
      continue;
    if (auto key = decode_key(item.key))
      result.keys.push_back(std::move(*key));
  }
  return result;
}

} // namespace larder::internal
