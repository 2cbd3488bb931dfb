// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/header.hpp"

#include <algorithm>

namespace larder {

expected<revision> revision::parse(std::string_view str) {
  bytes raw;
  if (str.size() != 32 || !from_hex(str, raw))
    return fail(errc::parse_error,
                "a revision has 32 hexadecimal digits, got \""
                  + std::string{str} + "\"");
  revision result;
  std::copy(raw.begin(), raw.end(), result.data.begin());
  return result;
}

std::string to_string(const revision& x) {
  return to_hex(x.data);
}

void header::encode(bytes& out) const {
  out.push_back(std::byte{layout});
  out.push_back(std::byte{serializer_id});
  out.push_back(std::byte{compressor_id});
  out.push_back(std::byte{encryptor_id});
  append_big_endian(out, metadata_size);
  if (layout == 1) {
    out.resize(out.size() + 12);
    return;
  }
  append_big_endian(out, value_size);
  append_big_endian(out, flags);
  append_big_endian(out, key_id);
  append(out, rev.data);
  append_big_endian(out, expiry);
  append_big_endian(out, value_checksum);
  append_big_endian(out, metadata_checksum);
}

expected<header> header::decode(bytes_view in) {
  if (in.size() < size_v1)
    return fail(errc::corruption, "blob of " + std::to_string(in.size())
                                    + " bytes is shorter than a header");
  header result;
  result.layout = std::to_integer<uint8_t>(in[0]);
  result.serializer_id = std::to_integer<uint8_t>(in[1]);
  result.compressor_id = std::to_integer<uint8_t>(in[2]);
  result.encryptor_id = std::to_integer<uint8_t>(in[3]);
  result.metadata_size = load_big_endian<uint32_t>(&in[4]);
  if (result.layout == 1) {
    auto reserved = in.subspan(8, 12);
    if (std::any_of(reserved.begin(), reserved.end(),
                    [](std::byte x) { return x != std::byte{0}; }))
      return fail(errc::corruption, "reserved header bytes are not zero");
    return result;
  }
  if (result.layout != 2)
    return fail(errc::corruption,
                "unknown header layout " + std::to_string(result.layout));
  if (in.size() < size_v2)
    return fail(errc::corruption, "blob of " + std::to_string(in.size())
                                    + " bytes is shorter than its header");
  result.value_size = load_big_endian<uint64_t>(&in[8]);
  result.flags = load_big_endian<uint32_t>(&in[16]);
  result.key_id = load_big_endian<uint32_t>(&in[20]);
  std::copy_n(in.begin() + 24, 16, result.rev.data.begin());
  result.expiry = load_big_endian<int64_t>(&in[40]);
  result.value_checksum = load_big_endian<uint64_t>(&in[48]);
  result.metadata_checksum = load_big_endian<uint64_t>(&in[56]);
  if ((result.flags & ~known_flags) != 0)
    return fail(errc::corruption,
                "unknown header flags " + std::to_string(result.flags));
  return result;
}

} // namespace larder
