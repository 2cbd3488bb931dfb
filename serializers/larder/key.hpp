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
/// quotation mark and its characters as they are, any other value its EDN text
/// with the elements of maps and sets in their total order. Different keys give
/// different bytes, and the strings with a common prefix are neighbours.
/// @returns `invalid_argument` for text that is not UTF-8, `limit_exceeded`
///          for keys nested too deeply
expected<std::string> encode_key(const value& key);

/// The inverse of `encode_key`.
/// @returns `corruption` for bytes that no key has
expected<value> decode_key(std::string_view encoded);

/// Returns the bytes with which the encodings of all keys begin whose text
/// begins with that of `prefix`: a string (strings), keyword or symbol.
/// @returns `invalid_argument` for any other kind
expected<std::string> encode_key_prefix(const value& prefix);

} // namespace larder
