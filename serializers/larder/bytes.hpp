// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// An owned sequence of bytes.
using bytes = std::vector<std::byte>;

/// A view of bytes owned by somebody else.
using bytes_view = std::span<const std::byte>;

/// Views the characters of `str` as bytes.
inline bytes_view as_bytes(std::string_view str) noexcept {
  return std::as_bytes(std::span{str.data(), str.size()});
}

/// Views bytes as characters.
inline std::string_view as_chars(bytes_view xs) noexcept {
  return {reinterpret_cast<const char*>(xs.data()), xs.size()};
}

/// Copies a view.
inline bytes to_bytes(bytes_view xs) {
  return {xs.begin(), xs.end()};
}

/// Copies the characters of a string.
inline bytes to_bytes(std::string_view str) {
  return to_bytes(as_bytes(str));
}

/// Appends `xs` to `out`.
inline void append(bytes& out, bytes_view xs) {
  out.insert(out.end(), xs.begin(), xs.end());
}

/// Returns `xs` as lower-case hexadecimal digits.
std::string to_hex(bytes_view xs);

/// Parses hexadecimal digits of either case into `out` (replacing its content).
/// Returns false on an odd length or any other character.
bool from_hex(std::string_view str, bytes& out);

/// Appends `x` as `sizeof(T)` bytes, most significant byte first.
template <class T>
void append_big_endian(bytes& out, T x) {
  for (auto shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::byte>((x >> shift) & 0xFF));
}

/// Stores `x` at `dst` as `sizeof(T)` bytes, most significant byte first.
template <class T>
void store_big_endian(std::byte* dst, T x) noexcept {
  for (size_t i = 0; i < sizeof(T); ++i)
    dst[i] = static_cast<std::byte>((x >> (8 * (sizeof(T) - 1 - i))) & 0xFF);
}

/// Reads `sizeof(T)` bytes at `src`, most significant byte first.
template <class T>
T load_big_endian(const std::byte* src) noexcept {
  uint64_t x = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    x = (x << 8) | std::to_integer<uint64_t>(src[i]);
  return static_cast<T>(x);
}

} // namespace larder
