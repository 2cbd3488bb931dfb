// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// CESU-8 (Unicode Technical Report 26): UTF-8 but for code points over U+FFFF,
/// which are written as the three bytes of each of their two surrogates. What
/// Java programs make of text that they encode character by character.

#pragma once

#include "larder/bytes.hpp"

#include <string>
#include <string_view>

namespace larder::detail {

/// What reading CESU-8 may run into.
enum class cesu8_problem {
  none,
  malformed, ///< cut off, too long, or no encoding of a character
  surrogate, ///< half a pair, which has no meaning and no form in UTF-8
};

/// Replaces `out` by the UTF-8 for `in`. Code points over U+FFFF may also come
/// in four bytes, as in UTF-8.
cesu8_problem read_cesu8(bytes_view in, std::string& out);

/// Returns the CESU-8 for `str`; `storage` keeps it if it differs.
/// @pre `str` is UTF-8
std::string_view to_cesu8(std::string_view str, std::string& storage);

} // namespace larder::detail
