// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Numbers as text, for EDN and JSON.

#pragma once

#include "larder/error.hpp"
#include "larder/number.hpp"
#include "larder/value.hpp"

#include <string>
#include <string_view>

namespace larder::detail {

/// How many decimal digits a reader accepts in one number: reading and printing
/// takes quadratic time.
inline constexpr size_t max_digits = 100'000;

enum class number_form {
  none,    ///< no number
  integer, ///< a sign and digits
  real,    ///< with a fraction, an exponent, or both
};

/// Tells what `str` is by EDN's grammar, which is JSON's but for the sign `+`.
number_form form_of_number(std::string_view str) noexcept;

/// Reads an integer of any size.
/// @pre `form_of_number(str) == number_form::integer`
/// @returns `limit_exceeded` for more than `max_digits` digits
expected<value> read_integer(std::string_view str);

/// Reads the double that is closest.
/// @pre `form_of_number(str) != number_form::none`
/// @returns `parse_error` if it is larger than any double
expected<value> read_real(std::string_view str);

/// Reads a decimal as it is written: trailing zeros and exponent count.
/// @pre `form_of_number(str) != number_form::none`
/// @returns `limit_exceeded` for more than `max_digits` digits, `parse_error`
///          for an exponent out of the range of the scale (32 bits)
expected<value> read_decimal(std::string_view str);

/// Appends the shortest text that reads as the same double, and never as an
/// integer.
/// @pre `x` is finite
void append_real(std::string& out, double x);

/// Appends `x` as Java's BigDecimal does: `12.30`, `1.5E+7`.
void append_decimal(std::string& out, const decimal& x);

/// Whether the text of `x` could have more than `max_digits` digits. Takes no
/// time.
bool has_too_many_digits(const boost::multiprecision::cpp_int& x);

/// Returns a sign if needed and hexadecimal digits.
std::string to_hex_digits(const boost::multiprecision::cpp_int& x);

/// Reads what `to_hex_digits` makes; false for any other text. Linear.
bool from_hex_digits(std::string_view str, boost::multiprecision::cpp_int& out);

} // namespace larder::detail
