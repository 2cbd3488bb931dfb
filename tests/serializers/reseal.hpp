// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a forger does who knows the format but no encryption key.

#pragma once

#include "larder/chain.hpp"
#include "larder/detail/chunk_format.hpp"
#include "larder/detail/segment.hpp"

namespace larder::test {

/// Recomputes the checksums of the chunks where sizes allow that.
inline void fix_chunks(const chain& ch, std::string_view key, bytes& blob) {
  auto h = header::decode(blob);
  auto ends = detail::trailer_size;
  if (!h || !h->has(header::flag_chunked)
      || h->value_offset() + ends > blob.size())
    return;
  auto bound = detail::chunk_binding(ch, key, *h);
  auto value = std::span{blob}.subspan(h->value_offset());
  auto count = load_big_endian<uint32_t>(&value[value.size() - 4]);
  if (count > (value.size() - ends) / detail::index_entry_size)
    return;
  auto index = value.last(count * detail::index_entry_size + ends);
  size_t position = 0;
  for (uint32_t i = 0; i < count; ++i) {
    auto* entry = &index[i * detail::index_entry_size];
    auto size = load_big_endian<uint32_t>(entry);
    auto raw = (size & detail::raw_chunk) != 0;
    size &= ~detail::raw_chunk;
    if (size > value.size() - position)
      return;
    detail::name_chunk(bound, i, i + 1 == count, raw);
    store_big_endian(entry + 4,
                     detail::checksum(bound, value.subspan(position, size)));
    position += size;
  }
}

/// Recomputes the checksums in the header of `blob` where its sizes allow that.
inline void fix_checksums(const uuid& store, std::string_view key,
                          bytes& blob) {
  auto h = header::decode(blob);
  if (!h || h->layout == 1 || h->value_offset() > blob.size())
    return;
  auto all = bytes_view{blob};
  auto value = all.subspan(h->value_offset());
  auto context = std::string_view{"larder value"};
  if (h->has(header::flag_chunked)) {
    if (value.size() < detail::trailer_size)
      return;
    auto count = load_big_endian<uint32_t>(&value[value.size() - 4]);
    auto size = uint64_t{count} * detail::index_entry_size
                + detail::trailer_size;
    if (size > value.size())
      return;
    value = value.last(size);
    context = "larder index";
  }
  auto bound
    = detail::binding(context, store, key, all.first(header::value_bound_size));
  store_big_endian(&blob[48], detail::checksum(bound, value));
  bound = detail::binding("larder metadata", store, key,
                          all.first(header::metadata_bound_size));
  store_big_endian(
    &blob[56],
    detail::checksum(bound, all.subspan(header::size_v2, h->metadata_size)));
}

} // namespace larder::test
