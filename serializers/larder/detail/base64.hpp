// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Base 64 (RFC 4648, section 4).

#pragma once

#include "larder/bytes.hpp"

#include <string>
#include <string_view>

namespace larder::detail {

/// Returns `xs` in base 64 with padding.
std::string to_base64(bytes_view xs);

/// Reads what `to_base64` makes into `out`; false for any other text.
bool from_base64(std::string_view str, bytes& out);

} // namespace larder::detail
