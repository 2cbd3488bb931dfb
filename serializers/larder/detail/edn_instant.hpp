// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Points in time as EDN writes them.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace larder::detail {

/// Reads a time of RFC 3339, or the front of one as EDN allows: `1985`,
/// `1985-04`, `1985-04-12T23`, each with or without an offset from UTC. Digits
/// past milliseconds are cut off; a leap second is the second after it.
/// @returns milliseconds since 1970, nothing for any other text
std::optional<int64_t> read_edn_instant(std::string_view str);

} // namespace larder::detail
