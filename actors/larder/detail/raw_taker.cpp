// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/raw_taker.hpp"

#include "larder/detail/backup.hpp"
#include "larder/detail/chunk_format.hpp"
#include "larder/detail/rebinding.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

/// Binaries up to here go in one message, larger ones as streams.
constexpr uint64_t piece_size = size_t{1} << 20;

std::string_view name_in(const value* map, std::string_view name) {
  auto x = map != nullptr ? map->find(value::keyword(name)) : nullptr;
  return x != nullptr && x->is(value::kind::string) ? x->as_string() : "";
}

bool is_set(const value* map, std::string_view name) {
  auto x = map != nullptr ? map->find(value::keyword(name)) : nullptr;
  return x != nullptr && *x == value{true};
}

shared_bytes share(bytes x) {
  return std::make_shared<const bytes>(std::move(x));
}

} // namespace

expected<std::optional<raw_form>> raw_form::of(blocking_client& store,
                                               const codec_registry& codecs) {
  auto info = store.info();
  if (!info)
    return fail(std::move(info.error()));
  auto chain = info->find(value::keyword("chain"));
  if (name_in(chain, "encryptor") != "none")
    return std::nullopt;
  auto serializer = codecs.find_serializer(name_in(chain, "serializer"));
  if (!serializer)
    return std::nullopt;
  raw_form result;
  result.plain_binaries
    = is_set(info->find(value::keyword("engine")), "plain-blobs");
  result.serializer_id = (*serializer)->id();
  if (auto name = name_in(chain, "compressor"); name != "none") {
    auto compressor = codecs.find_compressor(name);
    if (!compressor)
      return std::nullopt;
    result.compressor_id = (*compressor)->id();
  }
  return result;
}

raw_taker::raw_taker(blocking_client& to, const uuid& from, raw_form form,
                     done_fn done)
  : client_(to),
    from_(from),
    form_(form),
    done_(std::move(done)),
    puts_(to, [this](const mark& x, const expected<put_reply>& reply) {
      done_(x, reply ? expected<void>{} : fail(reply.error()));
    }) {
  // nop
}

expected<bool> raw_taker::take(const value& key, record_input& blob,
                               const write_condition& condition) {
  auto& record = blob.record();
  auto start = blob.fetch(0, header::max_size);
  if (!start)
    return fail(std::move(start.error()));
  auto hdr = header::decode(*start);
  // Whoever decodes a blob knows how to leave out what has expired.
  if (!hdr || !form_.matches(*hdr) || hdr->expired(wall_clock()))
    return false;
  auto binary = hdr->has(header::flag_binary);
  mark what{key, record.key, record.size, binary, nullptr};
  if (binary && record.size > piece_size)
    return take_stream(std::move(what), *hdr, blob, condition);
  auto whole = blob.fetch(0, record.size);
  if (!whole)
    return fail(std::move(whole.error()));
  if (auto ok = blob.finish(); !ok)
    return fail(std::move(ok.error()));
  what.blob = share(std::move(*whole));
  put_stored_request request{key, what.blob, from_, condition};
  puts_.send(std::move(what), std::move(request), record.size);
  return true;
}

expected<bool> raw_taker::take_stream(mark what, const header& hdr,
                                      record_input& blob,
                                      const write_condition& condition) {
  auto size = what.size;
  // Of what has no chunks the end comes last.
  auto chunked = hdr.has(header::flag_chunked) && size >= trailer_size;
  auto trailer = chunked ? blob.fetch(size - trailer_size, trailer_size)
                         : expected<bytes>{};
  if (!trailer)
    return fail(std::move(trailer.error()));
  auto end = index_offset(hdr, *trailer);
  if (!end)
    return fail(std::move(end.error()));
  auto begin = hdr.value_offset();
  if (begin > *end || *end > size)
    return fail(errc::corruption, "the blob ends early");
  auto prefix = blob.fetch(0, begin);
  if (!prefix)
    return fail(std::move(prefix.error()));
  auto index = chunked ? blob.fetch(*end, size - *end) : expected<bytes>{};
  if (!index)
    return fail(std::move(index.error()));
  open_stored_request request{what.key, share(std::move(*prefix)),
                              share(std::move(*index)), from_, condition};
  auto opened = patiently([&] { return client_.call(request); });
  if (!opened) {
    expected<void> refused = fail(std::move(opened.error()));
    if (must_decode(refused))
      return false;
    return fail(std::move(refused.error()));
  }
  blob.forget();
  auto source = [&, next = begin]() mutable -> expected<bytes> {
    auto piece = blob.fetch(next, std::min(piece_size, *end - next));
    if (!piece)
      return piece;
    next += piece->size();
    // The stream is not closed before the record has proved to be good.
    if (piece->empty())
      if (auto ok = blob.finish(); !ok)
        return fail(std::move(ok.error()));
    return piece;
  };
  auto written = client_.fill_stream(opened->stream, source);
  if (!written)
    return fail(std::move(written.error()));
  done_(what, {});
  return true;
}

} // namespace larder::detail
