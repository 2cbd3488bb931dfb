// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Points in time as text (RFC 3339).

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace larder::detail {

/// The first and last millisecond that RFC 3339 can express.
constexpr int64_t min_rfc3339 = -62'167'219'200'000; // 0000-01-01
constexpr int64_t max_rfc3339 = 253'402'300'799'999; // 9999-12-31

/// Prints milliseconds since 1970 as `2026-11-22T05:01:50.539Z`.
/// @pre `min_rfc3339 <= ms && ms <= max_rfc3339`
std::array<char, 24> format_instant(int64_t ms) noexcept;

/// Reads a date-time of RFC 3339 with any offset and any number of fractional
/// digits, of which the fourth and all after it must be 0: what an instant
/// cannot hold is refused, not rounded.
std::optional<int64_t> parse_instant(std::string_view str) noexcept;

} // namespace larder::detail
