// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Keys as engines see them.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <string>
#include <string_view>

namespace larder {

/// Turns a key into the bytes that name it in an engine: a string becomes a
/// quotation mark (") and its characters as they are, a keyword a colon and its
/// name, a symbol a quote (') and its name, any other value its EDN text.
/// Different keys give different bytes, and the strings, keywords or symbols
/// with a common prefix are neighbours.
/// @returns `invalid_argument` for text that is not UTF-8, `limit_exceeded`
///          for keys nested deeper than the default limits allow
expected<std::string> encode_key(const value& key);

/// The inverse of `encode_key`.
/// @returns `corruption` for bytes that no key has
expected<value> decode_key(std::string_view encoded);

/// Returns whether `encoded` is what `encode_key` makes of `key`.
bool names_key(std::string_view encoded, const value& key);

/// Returns whether `encoded` names a blob that is larder's own: it begins with
/// a zero byte, as no encoded key does. Such blobs are in no listing of keys.
constexpr bool is_hidden_key(std::string_view encoded) noexcept {
  return encoded.starts_with('\0');
}

/// Returns the bytes with which the encodings begin of all keys, and only those
/// keys, that are of the same kind as `prefix` and begin with its characters.
/// @returns `invalid_argument` if `prefix` is not a string, keyword or symbol
expected<std::string> encode_key_prefix(const value& prefix);

} // namespace larder
