// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Numbers of all kinds, added and compared.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <compare>

namespace larder::internal {

/// Whether `x` is an integer of any size, a real or a decimal.
bool is_number(const value& x) noexcept;

/// Adds two numbers (subtracts if `negate`). Integers of 64 bits stay that or
/// are `out_of_range`; a big integer makes the result big if it must be; a
/// decimal makes the result a decimal, exactly; a real makes it a real.
/// @returns `wrong_type` unless both are numbers, `out_of_range`,
///          `limit_exceeded` for decimals of very different scales
expected<value> add(const value& x, const value& y, bool negate = false);

/// Compares two numbers by size, exactly, whatever their kinds; NaN is greater
/// than all others.
/// @returns `wrong_type` unless both are numbers, `limit_exceeded`
expected<std::strong_ordering> compare_numbers(const value& x, const value& y);

} // namespace larder::internal
