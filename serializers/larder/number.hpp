// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <boost/multiprecision/cpp_int.hpp>

#include <compare>
#include <cstdint>
#include <string>

namespace larder {

/// An integer of any size. Inside a `value` it never fits into 64 bits: those
/// that do are plain integers.
struct big_integer {
  boost::multiprecision::cpp_int digits;

  friend bool operator==(const big_integer&, const big_integer&) = default;

  friend std::strong_ordering operator<=>(const big_integer& x,
                                          const big_integer& y);
};

/// A decimal number, exact: `unscaled * 10^-scale`. Trailing zeros count, as in
/// Java's BigDecimal: 1.0M and 1.00M are two values.
struct decimal {
  boost::multiprecision::cpp_int unscaled;
  int32_t scale = 0;

  friend bool operator==(const decimal&, const decimal&) = default;

  /// The order by numeric value, then by scale.
  friend std::strong_ordering operator<=>(const decimal& x, const decimal& y);
};

} // namespace larder
