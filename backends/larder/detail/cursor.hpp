// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Cursors of engines that list keys in the order of their bytes.

#pragma once

#include "larder/backend.hpp"

namespace larder::detail {

/// Returns a cursor behind the last key of a page: the key in hexadecimal
/// digits behind a letter, so that it is never empty.
inline std::string encode_cursor(std::string_view last) {
  return "k" + to_hex(as_bytes(last));
}

/// Returns the last key of the page before.
/// @param request a request whose `after` is not empty
/// @returns `invalid_argument` for what no page of this listing gave out
inline expected<std::string> decode_cursor(const list_request& request) {
  bytes key;
  std::string_view str = request.after;
  if (!str.starts_with('k') || !from_hex(str.substr(1), key)
      || !as_chars(key).starts_with(request.prefix))
    return fail(errc::invalid_argument,
                "not a cursor of this listing: \"" + request.after + "\"");
  return std::string{as_chars(key)};
}

} // namespace larder::detail
