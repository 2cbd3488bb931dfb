// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Unicode code points in UTF-8 (RFC 3629).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace larder::detail {

/// A code point and how many bytes it takes, 0 if they are malformed.
struct code_point {
  char32_t value = 0;
  size_t size = 0;
};

/// Decodes the code point at the front of `str`.
code_point first_code_point(std::string_view str) noexcept;

/// Appends the encoding of `x`; of what is no code point, that of U+FFFD.
void append_utf8(std::string& out, char32_t x);

/// Whether `x` is at most U+10FFFF and no surrogate.
constexpr bool is_code_point(char32_t x) noexcept {
  return x < 0xD800 || (x > 0xDFFF && x <= 0x10FFFF);
}

/// Whether `x` is a control character: C0, DEL, or C1.
constexpr bool is_control(char32_t x) noexcept {
  return x < 0x20 || (x >= 0x7F && x < 0xA0);
}

/// Whether `x` has Unicode's property White_Space.
constexpr bool is_space(char32_t x) noexcept {
  return (x >= 9 && x <= 13) || x == 0x20 || x == 0x85 || x == 0xA0
         || x == 0x1680 || (x >= 0x2000 && x <= 0x200A) || x == 0x2028
         || x == 0x2029 || x == 0x202F || x == 0x205F || x == 0x3000;
}

/// Appends `str` in quotation marks, with the escapes that EDN and JSON share:
/// for quotation marks, backslashes and control characters. Bytes that are not
/// UTF-8 become U+FFFD.
void append_quoted(std::string& out, std::string_view str);

/// Appends `x`, which is below 0x10000, as `\uXXXX`.
void append_u_escape(std::string& out, char32_t x);

/// Returns the first characters of `str` for use in a message.
std::string excerpt(std::string_view str);

} // namespace larder::detail
