// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/chunk_format.hpp"

namespace larder::detail {

namespace {

constexpr size_t name_size = 9;

bytes value_position(std::string_view context, const chain& ch,
                     std::string_view key, const header& h) {
  auto raw = encode_header(h);
  return binding(context, ch.store(), key,
                 bytes_view{raw}.first(header::value_bound_size));
}

} // namespace

bytes chunk_binding(const chain& ch, std::string_view key, const header& h) {
  auto unsized_header = h;
  unsized_header.value_size = 0;
  auto result = value_position("larder chunk", ch, key, unsized_header);
  result.resize(result.size() + name_size);
  return result;
}

void name_chunk(bytes& binding, uint64_t number, bool last, bool raw) {
  auto* name = binding.data() + binding.size() - name_size;
  store_big_endian(name, number);
  name[8] = static_cast<std::byte>((last ? 1 : 0) | (raw ? 2 : 0));
}

bytes index_binding(const chain& ch, std::string_view key, const header& h) {
  return value_position("larder index", ch, key, h);
}

} // namespace larder::detail
