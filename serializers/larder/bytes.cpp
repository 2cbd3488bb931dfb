// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/bytes.hpp"

namespace larder {

namespace {

int digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

} // namespace

std::string to_hex(bytes_view xs) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  result.reserve(xs.size() * 2);
  for (auto x : xs) {
    auto byte = std::to_integer<unsigned>(x);
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

bool from_hex(std::string_view str, bytes& out) {
  out.clear();
  if (str.size() % 2 != 0)
    return false;
  out.reserve(str.size() / 2);
  for (size_t i = 0; i < str.size(); i += 2) {
    auto high = digit(str[i]);
    auto low = digit(str[i + 1]);
    if (high < 0 || low < 0)
      return false;
    out.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return true;
}

} // namespace larder
