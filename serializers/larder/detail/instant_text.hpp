// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Points in time as text.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::detail {

/// Reads a time of RFC 3339, or the front of one as EDN allows: `1985`,
/// `1985-04`, `1985-04-12T23`, each with or without an offset from UTC. Digits
/// past milliseconds are cut off; a leap second is the start of the next one.
/// @returns milliseconds since 1970, nothing for any other text
std::optional<int64_t> read_instant(std::string_view str) noexcept;

/// Prints `ms` as `1985-04-12T23:20:50.520` and the text `zone`.
/// @returns nothing for years outside of 0000 to 9999
std::optional<std::string> print_instant(int64_t ms, std::string_view zone);

} // namespace larder::detail
