// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/layout.hpp"

#include "larder/header.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr std::byte head_format{1};

} // namespace

blob_head::fixed_part blob_head::encode() const noexcept {
  fixed_part result;
  result[0] = head_format;
  store_big_endian(&result[1], size);
  store_big_endian(&result[9], generation);
  return result;
}

std::optional<blob_head> blob_head::decode(bytes_view x) noexcept {
  if (x.size() < fixed_size || x[0] != head_format)
    return std::nullopt;
  blob_head result;
  result.size = load_big_endian<uint64_t>(&x[1]);
  result.generation = load_big_endian<uint64_t>(&x[9]);
  result.start = x.subspan(fixed_size);
  auto least = result.generation == 0
                 ? result.size
                 : std::min<uint64_t>(result.size, header::max_size);
  if (result.start.size() < least || result.start.size() > result.size)
    return std::nullopt;
  return result;
}

uint64_t head_share(bytes_view known, uint64_t blob_size) noexcept {
  auto hdr = header::decode(known);
  auto share = hdr ? std::max<uint64_t>(hdr->value_offset(), header::max_size)
                   : header::max_size;
  if (share > known.size()) // then readers get it from the chunks
    share = std::min<uint64_t>(header::max_size, known.size());
  return blob_size <= share + max_inline_value && blob_size <= known.size()
           ? blob_size
           : share;
}

chunk_key make_chunk_key(uint64_t generation, uint64_t index) noexcept {
  chunk_key result;
  store_big_endian(result.data(), generation);
  store_big_endian(&result[8], static_cast<uint32_t>(index));
  return result;
}

note_key make_note_key(uint64_t generation) noexcept {
  note_key result;
  store_big_endian(result.data(), generation);
  return result;
}

uint64_t generation_of(const rocksdb::Slice& key) noexcept {
  if (key.size() < sizeof(uint64_t))
    return 0;
  return load_big_endian<uint64_t>(to_view(key).data());
}

} // namespace larder::detail
