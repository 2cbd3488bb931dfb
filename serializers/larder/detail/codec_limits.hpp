// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What serializers check before they begin.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/value.hpp"

#include <string_view>

namespace larder::detail {

/// Checks a value that is to be encoded.
/// @param codec its name, for the message
/// @returns `limit_exceeded` if `x` is nested deeper than values may be
expected<void> check_depth(std::string_view codec, const value& x,
                           const limits& lim);

/// Checks input that is to be decoded.
/// @returns `limit_exceeded` if `in` is longer than values may be
expected<void> check_size(std::string_view codec, bytes_view in,
                          const limits& lim);

} // namespace larder::detail
