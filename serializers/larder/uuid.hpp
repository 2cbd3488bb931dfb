// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace larder {

/// A universally unique identifier (RFC 4122), 16 bytes in network order.
struct uuid {
  std::array<std::byte, 16> data{};

  /// Makes a random (version 4) UUID from the system's secure generator.
  static uuid random();

  /// Parses the 36 character form, hexadecimal digits of either case.
  static std::optional<uuid> parse(std::string_view str);

  friend auto operator<=>(const uuid&, const uuid&) = default;
};

/// Returns the 36 character form in lower case.
std::string to_string(const uuid& x);

/// Fills `dst` from the system's secure random generator (getrandom(2)).
/// Aborts the process in the only case that cannot be handled: no entropy.
void fill_random(std::span<std::byte> dst) noexcept;

} // namespace larder
