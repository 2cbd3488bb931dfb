// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <boost/endian/conversion.hpp>

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

/// Stores `x` at `dst` as `sizeof(T)` bytes, most significant byte first.
template <class T>
void store_big_endian(std::byte* dst, T x) noexcept {
  boost::endian::endian_store<T, sizeof(T), boost::endian::order::big>(
    reinterpret_cast<unsigned char*>(dst), x);
}

/// Appends `x` as `sizeof(T)` bytes, most significant byte first.
template <class T>
void append_big_endian(bytes& out, T x) {
  out.resize(out.size() + sizeof(T));
  store_big_endian(&out[out.size() - sizeof(T)], x);
}

/// Reads `sizeof(T)` bytes at `src`, most significant byte first.
template <class T>
T load_big_endian(const std::byte* src) noexcept {
  return boost::endian::endian_load<T, sizeof(T), boost::endian::order::big>(
    reinterpret_cast<const unsigned char*>(src));
}

} // namespace larder
