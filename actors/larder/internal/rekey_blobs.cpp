// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/rekey_blobs.hpp"

#include "larder/chunks.hpp"
#include "larder/internal/engine_access.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/internal/page_limit.hpp"
#include "larder/key.hpp"

#include <utility>

namespace larder::internal {

namespace {

/// Bytes of a binary in memory at the same time.
constexpr uint64_t piece_size = size_t{1} << 20;

value name_of(const std::string& encoded) {
  auto key = decode_key(encoded);
  return key ? *key : value{to_bytes(encoded)};
}

/// Reads bytes of the revision that was listed; nothing if it is not there any
/// more.
expected<std::optional<bytes>> fetch(store_context& ctx, const old_blob& what,
                                     uint64_t offset, uint64_t length) {
  std::optional<revision> pinned;
  if (what.head.rev.valid())
    pinned = what.head.rev;
  read_request wanted{what.encoded, blob_part::range, offset, length, pinned};
  auto& stats = ctx.shared_statistics();
  auto outcomes = ctx.engine().read(std::span{&wanted, 1});
  auto& outcome = outcomes.front();
  if (!outcome && outcome.error() != errc::conflict)
    return fail(std::move(outcome.error()));
  if (!outcome || !*outcome)
    return std::nullopt;
  stats.stored_read.add_shared((*outcome)->data.size());
  return to_bytes((*outcome)->data);
}

bool is_lease(const header& h, int64_t now) {
  return h.expiry != 0 && !h.expired(now);
}

} // namespace

expected<rekey_page>
find_old_blobs(store_context& ctx, const rekey_request& req, uint32_t primary) {
  list_request wanted;
  wanted.after = req.after;
  wanted.limit = page_limit(req.limit);
  wanted.part = blob_part::header;
  auto page = ctx.engine().list(wanted);
  if (!page)
    return fail(std::move(page.error()));
  rekey_page result;
  result.next = std::move(page->next);
  auto encryptor = ctx.config().chain.write_encryptor->id();
  for (auto& item : page->entries) {
    ++result.examined;
    auto hdr = item.blob ? header::decode(item.blob->data)
                         : expected<header>{tl::unexpect, item.blob.error()};
    if (!hdr)
      result.failed.push_back({name_of(item.key), std::move(hdr.error())});
    else if (hdr->encryptor_id != encryptor || hdr->key_id != primary)
      result.old.push_back({std::move(item.key), *hdr, item.blob->blob_size});
  }
  return result;
}

expected<std::optional<mutation>> rekey_hidden(store_context& ctx,
                                               const old_blob& what) {
  // Whoever holds a lease knows its revision, and renews it.
  if (is_lease(what.head, ctx.now()))
    return std::nullopt;
  auto blob = fetch(ctx, what, 0, what.size);
  if (!blob)
    return fail(std::move(blob.error()));
  if (!*blob)
    return std::nullopt;
  auto doc = ctx.blobs().decode(what.encoded, **blob);
  if (!doc)
    return fail(std::move(doc.error()));
  auto before = std::exchange(doc->meta.rev, {});
  fill_random(doc->meta.rev.data);
  auto after
    = encode_hidden(ctx.blobs(), what.encoded, doc->meta, doc->content);
  if (!after)
    return fail(std::move(after.error()));
  if (auto ok = check_blob_size(**after, ctx); !ok)
    return fail(std::move(ok.error()));
  return mutation{what.encoded, std::move(*after),
                  precondition::matches(before), 0};
}

namespace {

/// Reads a binary whole, or answers nothing if it is not there any more.
struct binary_source {
  store_context& ctx;
  const old_blob& what;
  bool gone = false;

  expected<bytes> operator()(uint64_t offset, size_t length) {
    auto part = fetch(ctx, what, offset, length);
    if (!part)
      return fail(std::move(part.error()));
    if (*part)
      return std::move(**part);
    gone = true;
    return fail(errc::conflict, "the key was written meanwhile");
  }
};

expected<std::shared_ptr<const staged_content>>
stage(store_context& ctx, const old_blob& what, const chunk_reader& from,
      std::shared_ptr<chunk_encoder> encoder) {
  auto prefix_size = encoder->prefix_size();
  if (!prefix_size)
    return fail(std::move(prefix_size.error()));
  auto staged = ctx.engine().stage(what.encoded, *prefix_size);
  if (!staged)
    return fail(std::move(staged.error()));
  auto flush = [&](bytes& chunks) {
    ctx.shared_statistics().stored_written.add_shared(chunks.size());
    auto ok = (*staged)->append(chunks);
    chunks.clear();
    return ok;
  };
  bytes chunks;
  for (uint64_t offset = 0; offset < from.size(); offset += piece_size) {
    auto piece = from.read(offset, piece_size);
    if (!piece)
      return fail(std::move(piece.error()));
    if (auto ok = encoder->update(*piece, chunks); !ok)
      return fail(std::move(ok.error()));
    if (auto ok = flush(chunks); !ok)
      return fail(std::move(ok.error()));
  }
  if (auto ok = encoder->finish(chunks); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = flush(chunks); !ok)
    return fail(std::move(ok.error()));
  auto make_prefix
    = [encoder](int64_t last_write) { return encoder->prefix(last_write); };
  return std::make_shared<const staged_content>(
    staged_content{std::move(*staged), make_prefix});
}

expected<std::shared_ptr<const bytes>> encode_whole(const chunk_reader& from,
                                                    chunk_encoder& encoder) {
  auto content = from.read(0, from.size());
  if (!content)
    return fail(std::move(content.error()));
  bytes chunks;
  if (auto ok = encoder.update(*content, chunks); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = encoder.finish(chunks); !ok)
    return fail(std::move(ok.error()));
  auto blob = encoder.prefix(from.meta().last_write);
  if (!blob)
    return fail(std::move(blob.error()));
  append(*blob, chunks);
  return std::make_shared<const bytes>(std::move(*blob));
}

} // namespace

expected<std::optional<rekey_key>> rekey_binary(store_context& ctx,
                                                const old_blob& what) {
  auto key = decode_key(what.encoded);
  if (!key)
    return fail(std::move(key.error()));
  auto source = std::make_shared<binary_source>(binary_source{ctx, what});
  auto failed = [&](error why) -> expected<std::optional<rekey_key>> {
    if (source->gone)
      return std::nullopt;
    return fail(std::move(why));
  };
  auto fetch = [source](uint64_t offset, size_t length) {
    return (*source)(offset, length);
  };
  auto from = chunk_reader::open(ctx.blobs(), what.encoded, what.size, fetch);
  if (!from)
    return failed(from.error());
  rekey_key result;
  result.key = std::move(*key);
  result.rev = what.head.rev;
  fill_random(result.new_rev.data);
  auto meta = from->meta();
  meta.rev = result.new_rev;
  auto encoder
    = std::make_shared<chunk_encoder>(ctx.blobs(), what.encoded, meta);
  // What was written without a stream can be written so again.
  if (from->size() <= piece_size || !ctx.caps().staging) {
    auto blob = encode_whole(*from, *encoder);
    if (!blob)
      return failed(blob.error());
    result.blob = std::move(*blob);
  } else {
    auto stream = stage(ctx, what, *from, encoder);
    if (!stream)
      return failed(stream.error());
    result.stream = std::move(*stream);
  }
  return result;
}

} // namespace larder::internal
