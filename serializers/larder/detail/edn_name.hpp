// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What may stand for itself in EDN: symbols, keywords and tags.

#pragma once

#include <string_view>

namespace larder::detail {

/// Whether `c` separates elements: white space or a comma.
constexpr bool is_edn_space(char c) noexcept {
  return c == ' ' || c == ',' || (c >= '\t' && c <= '\r');
}

/// Whether `c` ends a number or name that stands before it.
constexpr bool is_edn_delimiter(char c) noexcept {
  return is_edn_space(c)
         || std::string_view{"\"()[]{};\\^@`~"}.find(c)
              != std::string_view::npos;
}

/// Whether EDN reads `name` as a symbol. Beyond the characters of the
/// specification all that are not ASCII may occur, except white space and
/// control characters, and quotation marks (') behind the first place.
bool is_edn_symbol(std::string_view name) noexcept;

/// Whether EDN reads a colon and `name` as a keyword: as a symbol, but the
/// first character may be a digit.
bool is_edn_keyword(std::string_view name) noexcept;

/// Whether EDN reads `#` and `name` as a tag: a symbol that begins with a
/// letter.
bool is_edn_tag(std::string_view name) noexcept;

} // namespace larder::detail
