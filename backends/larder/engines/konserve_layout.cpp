// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/layout.hpp"
#include "larder/header.hpp"

#include <algorithm>

namespace larder::detail::ksv {

namespace {

constexpr uint8_t short_header_size = 8;
constexpr uint8_t long_header_size = 20;
static_assert(header::size_v1 == long_header_size);

/// Whether the reserved bytes are what they are in a long header.
bool has_long_header(bytes_view start) {
  return start.size() >= long_header_size
         && std::ranges::all_of(
           start.subspan(short_header_size,
                         long_header_size - short_header_size),
           [](std::byte x) { return x == std::byte{0}; });
}

} // namespace

expected<blob_layout> parse_layout(bytes_view start, uint64_t file_size) {
  if (file_size == 0)
    return fail(errc::corruption,
                "the file is empty: a first write of konserve's has failed. "
                "There is no value; put the key again or erase it");
  if (start.size() < short_header_size)
    return fail(errc::corruption, "the file of " + std::to_string(file_size)
                                    + " bytes ends within its header");
  auto at = [&](size_t i) { return std::to_integer<uint8_t>(start[i]); };
  if (at(0) != 1)
    return fail(errc::corruption,
                "the file is no blob of konserve's layout 1: it begins with "
                "the byte "
                  + std::to_string(at(0)));
  blob_layout result;
  result.serializer_id = at(1);
  result.compressor_id = at(2);
  result.encryptor_id = at(3);
  result.metadata_size = load_big_endian<uint32_t>(start.data() + 4);
  result.header_size = has_long_header(start) ? long_header_size
                                              : short_header_size;
  if (result.value_offset() > file_size)
    return fail(errc::corruption, "the file of " + std::to_string(file_size)
                                    + " bytes ends within its metadata of "
                                    + std::to_string(result.metadata_size)
                                    + " bytes");
  return result;
}

void append_layout(bytes& out, const blob_layout& x) {
  header h;
  h.layout = 1;
  h.serializer_id = x.serializer_id;
  h.compressor_id = x.compressor_id;
  h.encryptor_id = x.encryptor_id;
  h.metadata_size = x.metadata_size;
  h.encode(out);
}

} // namespace larder::detail::ksv
