// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/utf8.hpp"

#include "larder/value.hpp"

#include <cstring>

namespace larder::detail {

namespace {

constexpr char32_t replacement = 0xFFFD;

size_t sequence_size(unsigned char first) noexcept {
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/// Returns the character behind the backslash, or 0 if there is no short form.
char short_escape(char32_t x) noexcept {
  switch (x) {
    case '"':
    case '\\':
      return static_cast<char>(x);
    case '\n':
      return 'n';
    case '\t':
      return 't';
    case '\r':
      return 'r';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    default:
      return 0;
  }
}

bool is_plain(char c) noexcept {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

} // namespace

code_point first_code_point(std::string_view str) noexcept {
  if (str.empty())
    return {};
  auto first = static_cast<unsigned char>(str[0]);
  auto size = sequence_size(first);
  if (size > str.size() || !is_utf8(str.substr(0, size)))
    return {};
  if (size == 1)
    return {first, 1};
  char32_t result = first & (0x7F >> size);
  for (size_t i = 1; i < size; ++i)
    result = (result << 6) | (static_cast<unsigned char>(str[i]) & 0x3F);
  return {result, size};
}

void append_utf8(std::string& out, char32_t x) {
  if (!is_code_point(x))
    x = replacement;
  auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  auto more = [&](int shift) { put(0x80 | ((x >> shift) & 0x3F)); };
  if (x < 0x80) {
    put(x);
  } else if (x < 0x800) {
    put(0xC0 | (x >> 6));
    more(0);
  } else if (x < 0x10000) {
    put(0xE0 | (x >> 12));
    more(6);
    more(0);
  } else {
    put(0xF0 | (x >> 18));
    more(12);
    more(6);
    more(0);
  }
}

void append_u_escape(std::string& out, char32_t x) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (auto shift = 12; shift >= 0; shift -= 4)
    out += digits[(x >> shift) & 15];
}

void append_quoted(std::string& out, std::string_view str) {
  out += '"';
  while (!str.empty()) {
    size_t plain = 0;
    while (plain < str.size() && is_plain(str[plain]))
      ++plain;
    out += str.substr(0, plain);
    str.remove_prefix(plain);
    if (str.empty())
      break;
    auto [x, size] = first_code_point(str);
    if (auto c = short_escape(x); size > 0 && c != 0) {
      out += '\\';
      out += c;
    } else if (size > 0 && is_control(x)) {
      append_u_escape(out, x);
    } else {
      append_utf8(out, size > 0 ? x : replacement);
    }
    str.remove_prefix(size > 0 ? size : 1);
  }
  out += '"';
}

std::string excerpt(std::string_view str) {
  constexpr size_t max_size = 60;
  std::string result;
  while (!str.empty() && result.size() < max_size) {
    auto [x, size] = first_code_point(str);
    append_utf8(result, size == 0 || is_control(x) ? replacement : x);
    str.remove_prefix(size > 0 ? size : 1);
  }
  if (!str.empty())
    result += "…";
  return result;
}

} // namespace larder::detail

namespace larder {

bool is_utf8(std::string_view str) noexcept {
  auto at = [&](size_t i) { return static_cast<unsigned char>(str[i]); };
  size_t i = 0;
  while (i < str.size()) {
    // Eight ASCII characters at once: most text is ASCII.
    uint64_t word = 0;
    while (str.size() - i >= sizeof(word)) {
      memcpy(&word, str.data() + i, sizeof(word));
      if ((word & 0x8080'8080'8080'8080) != 0)
        break;
      i += sizeof(word);
    }
    if (i == str.size())
      break;
    auto c = at(i);
    if (c < 0x80) {
      ++i;
      continue;
    }
    size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c < 0xC2 || c > 0xF4 || str.size() - i <= more)
      return false;
    auto second = at(i + 1);
    auto low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    auto high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high)
      return false;
    for (size_t k = 2; k <= more; ++k)
      if ((at(i + k) & 0xC0) != 0x80)
        return false;
    i += more + 1;
  }
  return true;
}

} // namespace larder
