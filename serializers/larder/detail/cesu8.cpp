// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cesu8.hpp"

#include "larder/detail/utf8.hpp"
#include "larder/value.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr size_t surrogate_size = 3;

constexpr auto first_supplementary = char32_t{0x10000};

constexpr char follow(char32_t bits) {
  return static_cast<char>(0x80 | (bits & 0x3F));
}

/// Returns the 10 bits of the surrogate that `str` begins with, or -1.
/// @param first the second byte without its last four bits, which tells
///              surrogates that lead (0xA0) from those that follow (0xB0)
int surrogate_bits(std::string_view str, int first) noexcept {
  if (str.size() < surrogate_size)
    return -1;
  auto at = [&](size_t i) { return static_cast<unsigned char>(str[i]); };
  if (at(0) != 0xED || (at(1) & 0xF0) != first || (at(2) & 0xC0) != 0x80)
    return -1;
  return (at(1) & 0x0F) << 6 | (at(2) & 0x3F);
}

} // namespace

cesu8_problem read_cesu8(bytes_view in, std::string& out) {
  auto str = as_chars(in);
  if (is_utf8(str)) { // what most text is
    out = str;
    return cesu8_problem::none;
  }
  out.clear();
  while (!str.empty()) {
    if (auto x = first_code_point(str); x.size > 0) {
      out += str.substr(0, x.size);
      str.remove_prefix(x.size);
      continue;
    }
    auto high = surrogate_bits(str, 0xA0);
    if (high < 0)
      return surrogate_bits(str, 0xB0) < 0 ? cesu8_problem::malformed
                                           : cesu8_problem::surrogate;
    str.remove_prefix(surrogate_size);
    auto low = surrogate_bits(str, 0xB0);
    if (low < 0)
      return cesu8_problem::surrogate;
    str.remove_prefix(surrogate_size);
    append_utf8(out, first_supplementary + static_cast<char32_t>(high << 10)
                       + static_cast<char32_t>(low));
  }
  return cesu8_problem::none;
}

std::string_view to_cesu8(std::string_view str, std::string& storage) {
  // Only these begin with such a byte.
  auto is_long = [](char c) { return static_cast<unsigned char>(c) >= 0xF0; };
  auto rest = std::find_if(str.begin(), str.end(), is_long);
  if (rest == str.end())
    return str;
  storage.assign(str.begin(), rest);
  str.remove_prefix(storage.size());
  while (!str.empty()) {
    auto x = first_code_point(str);
    if (x.value < first_supplementary) {
      storage += str.substr(0, x.size);
    } else {
      auto bits = x.value - first_supplementary;
      storage += '\xED';
      storage += static_cast<char>(0xA0 | bits >> 16);
      storage += follow(bits >> 10);
      storage += '\xED';
      storage += static_cast<char>(0xB0 | (bits >> 6 & 0x0F));
      storage += follow(bits);
    }
    str.remove_prefix(x.size);
  }
  return storage;
}

} // namespace larder::detail
