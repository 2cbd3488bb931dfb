// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace larder::detail {

namespace {

// The library counts in int: larger inputs go through in pieces of so many
// groups of 3 bytes and 4 characters.
constexpr size_t groups = size_t{1} << 20;

unsigned char* raw(void* ptr) noexcept {
  return static_cast<unsigned char*>(ptr);
}

const unsigned char* raw(const void* ptr) noexcept {
  return static_cast<const unsigned char*>(ptr);
}

} // namespace

std::string to_base64(bytes_view xs) {
  std::string result;
  // The library writes a terminating zero as well.
  result.resize((xs.size() + 2) / 3 * 4 + 1);
  size_t used = 0;
  while (!xs.empty()) {
    auto piece = xs.first(std::min(xs.size(), groups * 3));
    used += static_cast<size_t>(
      EVP_EncodeBlock(raw(result.data() + used), raw(piece.data()),
                      static_cast<int>(piece.size())));
    xs = xs.subspan(piece.size());
  }
  result.resize(used);
  return result;
}

bool from_base64(std::string_view str, bytes& out) {
  out.clear();
  if (str.size() % 4 != 0)
    return false;
  out.resize(str.size() / 4 * 3);
  size_t used = 0;
  for (auto rest = str; !rest.empty();) {
    auto piece = rest.substr(0, groups * 4);
    auto n = EVP_DecodeBlock(raw(out.data() + used), raw(piece.data()),
                             static_cast<int>(piece.size()));
    if (n < 0)
      return false;
    used += static_cast<size_t>(n);
    rest.remove_prefix(piece.size());
  }
  // Padding is decoded as zero bits.
  auto padding = str.ends_with("==") ? 2u : str.ends_with("=") ? 1u : 0u;
  if (used < padding)
    return false;
  out.resize(used - padding);
  // The library is lax about white space, padding and unused bits.
  return to_base64(out) == str;
}

} // namespace larder::detail
