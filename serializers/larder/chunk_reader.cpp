// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/chunks.hpp"
#include "larder/detail/chunk_format.hpp"

#include <algorithm>

namespace larder {

namespace {

using detail::first_fetch;

// Room that is reserved on the word of the index.
constexpr size_t max_reserve = size_t{64} << 20;

// More than any encryptor adds to the metadata.
constexpr size_t max_overhead = 4096;

using fetch_fn = chunk_reader::fetch_fn;

expected<bytes> fetch_exactly(const fetch_fn& fetch, uint64_t offset,
                              uint64_t length) {
  auto result = fetch(offset, length);
  if (result && result->size() != length)
    return fail(errc::corruption, "the blob ends early");
  return result;
}

/// Makes `have`, the bytes from `offset` on, `length` bytes long.
expected<void> fetch_rest(const fetch_fn& fetch, uint64_t offset,
                          uint64_t length, bytes& have) {
  if (have.size() >= length)
    return {};
  auto rest = fetch_exactly(fetch, offset + have.size(), length - have.size());
  if (!rest)
    return fail(rest.error());
  append(have, *rest);
  return {};
}

/// Checks the end of the index, before anything is fetched or allocated on its
/// word.
expected<void> check_trailer(bytes_view trailer) {
  auto plain_size = load_big_endian<uint64_t>(&trailer[0]);
  auto chunk_size = load_big_endian<uint32_t>(&trailer[8]);
  auto count = load_big_endian<uint32_t>(&trailer[12]);
  if (chunk_size == 0
      || plain_size / chunk_size + (plain_size % chunk_size != 0) != count)
    return fail(errc::corruption, "size and number of chunks contradict");
  return {};
}

/// Fetches the index and the trailer.
expected<bytes> fetch_index(const fetch_fn& fetch, uint64_t blob_size,
                            uint64_t value_size) {
  if (value_size < detail::trailer_size)
    return fail(errc::corruption, "a chunked value is shorter than its end");
  auto tail_size = std::min(value_size, first_fetch);
  auto tail = fetch_exactly(fetch, blob_size - tail_size, tail_size);
  if (!tail)
    return tail;
  if (auto ok = check_trailer(bytes_view{*tail}.last(detail::trailer_size));
      !ok)
    return fail(ok.error());
  auto chunks = load_big_endian<uint32_t>(tail->data() + tail_size - 4);
  auto size = uint64_t{chunks} * detail::index_entry_size
              + detail::trailer_size;
  if (size > value_size)
    return fail(errc::corruption, "a chunked value is shorter than its index");
  if (size > tail_size)
    return fetch_exactly(fetch, blob_size - size, size);
  tail->erase(tail->begin(), tail->end() - static_cast<std::ptrdiff_t>(size));
  return tail;
}

} // namespace

expected<chunk_reader> chunk_reader::open(const chain& ch, std::string_view key,
                                          uint64_t blob_size, fetch_fn fetch) {
  auto prefix = fetch_exactly(fetch, 0, std::min(blob_size, first_fetch));
  if (!prefix)
    return fail(prefix.error());
  auto h = header::decode(*prefix);
  if (!h)
    return fail(h.error());
  auto offset = h->value_offset();
  if (blob_size < offset
      || (h->layout != 1 && blob_size - offset != h->value_size))
    return fail(errc::corruption,
                "the blob has another size than its header says");
  if (h->metadata_size > ch.config().limits.max_metadata_size + max_overhead)
    return fail(errc::limit_exceeded,
                "the header tells of too large metadata, or is damaged");
  if (auto ok = fetch_rest(fetch, 0, offset, *prefix); !ok)
    return fail(ok.error());
  auto opened
    = detail::read_metadata(ch, key, *h, bytes_view{*prefix}.first(offset));
  if (!opened)
    return fail(opened.error());
  if (opened->meta.type != content_type::binary)
    return fail(errc::wrong_type, "the key holds a value, not a binary: use "
                                  "get");
  chunk_reader result;
  result.chain_ = &ch;
  result.key_ = key;
  result.header_ = *h;
  result.codecs_ = std::move(opened->with);
  result.meta_ = std::move(opened->meta);
  result.fetch_ = std::move(fetch);
  if (result.is_plain()) {
    result.plain_size_ = blob_size - offset;
    return result;
  }
  auto index = fetch_index(result.fetch_, blob_size, h->value_size);
  if (!index)
    return fail(index.error());
  if (auto ok = result.read_index(*index); !ok)
    return fail(ok.error());
  return result;
}

expected<void> chunk_reader::read_index(bytes_view index) {
  auto bound = detail::index_binding(*chain_, key_, header_);
  if (detail::checksum(bound, index) != header_.value_checksum)
    return fail(errc::corruption, "the checksum of the index is wrong");
  auto trailer = index.last(detail::trailer_size);
  plain_size_ = load_big_endian<uint64_t>(&trailer[0]);
  chunk_size_ = load_big_endian<uint32_t>(&trailer[8]);
  if (chunk_size_ > detail::max_chunk_size)
    return fail(errc::limit_exceeded, "the chunks are larger than 16 MiB");
  auto count = (index.size() - trailer.size()) / detail::index_entry_size;
  auto offset = header_.value_offset();
  chunks_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    auto* entry = &index[i * detail::index_entry_size];
    auto size = load_big_endian<uint32_t>(entry);
    auto raw = (size & detail::raw_chunk) != 0;
    size &= ~detail::raw_chunk;
    if (size > chunk_size_ + codecs_.overhead())
      return fail(errc::corruption, "a stored chunk is too large");
    chunks_.push_back(
      {offset, size, raw, load_big_endian<uint64_t>(entry + 4)});
    offset += size;
  }
  if (offset + index.size() != header_.value_offset() + header_.value_size)
    return fail(errc::corruption, "the sizes of the chunks do not add up");
  return {};
}

uint64_t chunk_reader::plain_chunk_size(size_t number) const noexcept {
  auto start = number * uint64_t{chunk_size_};
  return std::min(plain_size_ - start, uint64_t{chunk_size_});
}

expected<bytes> chunk_reader::read_chunk(size_t number) const {
  auto& x = chunks_[number];
  auto context = [number](const error& err) {
    return fail(err.with_context("chunk " + std::to_string(number)));
  };
  auto stored = fetch_exactly(fetch_, x.offset, x.stored_size);
  if (!stored)
    return context(stored.error());
  auto bound = detail::chunk_binding(*chain_, key_, header_);
  detail::name_chunk(bound, number, number + 1 == chunks_.size(), x.raw);
  if (detail::checksum(bound, *stored) != x.checksum)
    return context({errc::corruption, "the checksum is wrong"});
  bytes buffer;
  auto plain
    = codecs_.open(bound, *stored, x.raw, plain_chunk_size(number), buffer);
  if (!plain)
    return context(plain.error());
  if (plain->size() != plain_chunk_size(number))
    return context({errc::corruption, "the size is wrong"});
  // The view is of one of the two.
  return plain->data() == buffer.data() ? std::move(buffer)
                                        : std::move(*stored);
}

expected<bytes> chunk_reader::read(uint64_t offset, size_t length) const {
  if (offset >= plain_size_)
    return bytes{};
  auto end = offset + std::min<uint64_t>(length, plain_size_ - offset);
  if (is_plain())
    return fetch_exactly(fetch_, header_.value_offset() + offset, end - offset);
  bytes result;
  result.reserve(std::min<uint64_t>(end - offset, max_reserve));
  while (offset < end) {
    auto number = offset / chunk_size_;
    auto chunk = read_chunk(number);
    if (!chunk)
      return chunk;
    auto skip = offset % chunk_size_;
    auto count = std::min<uint64_t>(chunk->size() - skip, end - offset);
    append(result, bytes_view{*chunk}.subspan(skip, count));
    offset += count;
  }
  return result;
}

expected<void> chunk_reader::verify() const {
  for (size_t i = 0; i < chunks_.size(); ++i)
    if (auto chunk = read_chunk(i); !chunk)
      return fail(chunk.error());
  return {};
}

} // namespace larder
