// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Text forms of values: EDN without loss, JSON for people and other tools.

#pragma once

#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/value.hpp"

#include <string>
#include <string_view>

namespace larder {

/// Prints `x` as EDN on one line. Reading it gives an equal value; equal values
/// give equal text. What EDN has no literal for is tagged: bytes as
/// `#larder/bytes "base64"`, keywords and symbols that EDN could not read back
/// as `#larder/keyword "…"` and `#larder/symbol "…"`; docs/text.md lists all
/// such forms. Of text that is not UTF-8 the wrong bytes print as U+FFFD.
std::string to_edn(const value& x);

/// Returns an error unless `x` can be written as text and read back with the
/// same limits.
/// @returns `invalid_argument` for strings, names and tags that are not UTF-8
///          and characters that are no Unicode code points, `limit_exceeded`
///          for values nested too deeply
expected<void> check_text(const value& x, const limits& lim = {});

/// Reads exactly one value; white space and comments may surround it.
/// @returns `parse_error` with line and column, `limit_exceeded`
expected<value> parse_edn(std::string_view str, const limits& lim = {});

/// Reads one value from the front of `str` and removes it from there.
/// @returns as `parse_edn`; `not_found` if only white space is left
expected<value> parse_edn_prefix(std::string_view& str, const limits& lim = {});

/// How `to_json` prints.
struct json_options {
  bool pretty = false;
};

/// Prints `x` as JSON (RFC 8259). Kinds that JSON lacks are mapped as
/// docs/text.md says; the mapping loses kinds, never contents.
std::string to_json(const value& x, json_options options = {});

/// Reads exactly one JSON value. Object names become string keys, numbers
/// without fraction or exponent integers of any size, others reals. An object
/// with two equal names is refused.
/// @returns `parse_error` with the position, `limit_exceeded`
expected<value> parse_json(std::string_view str, const limits& lim = {});

} // namespace larder
