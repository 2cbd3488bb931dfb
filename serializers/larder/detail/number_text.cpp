// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/number_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

namespace larder::detail {

using boost::multiprecision::cpp_int;

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Removes digits from the front of `str` and returns them.
std::string_view take_digits(std::string_view& str) noexcept {
  auto end = std::find_if_not(str.begin(), str.end(), is_digit);
  auto result = str.substr(0, static_cast<size_t>(end - str.begin()));
  str.remove_prefix(result.size());
  return result;
}

bool take_sign(std::string_view& str) noexcept {
  auto negative = str.starts_with('-');
  if (negative || str.starts_with('+'))
    str.remove_prefix(1);
  return negative;
}

/// The pieces of a number that is known to be one.
struct pieces {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  int64_t exponent = 0; // saturated far outside of every useful range
};

pieces split(std::string_view str) noexcept {
  pieces result;
  result.negative = take_sign(str);
  result.whole = take_digits(str);
  if (str.starts_with('.')) {
    str.remove_prefix(1);
    result.fraction = take_digits(str);
  }
  if (str.empty())
    return result;
  str.remove_prefix(1); // the letter E
  auto negative = take_sign(str);
  constexpr int64_t top = std::numeric_limits<int64_t>::max() / 4;
  for (auto c : str)
    if (result.exponent < top / 10)
      result.exponent = result.exponent * 10 + (c - '0');
  if (negative)
    result.exponent = -result.exponent;
  return result;
}

expected<cpp_int> read_digits(bool negative, std::string_view str) {
  if (str.size() > max_digits)
    return fail(errc::limit_exceeded, "a number has more than "
                                        + std::to_string(max_digits)
                                        + " digits");
  // A leading zero would mean octal.
  str.remove_prefix(std::min(str.find_first_not_of('0'), str.size()));
  cpp_int result;
  if (!str.empty())
    result.assign(std::string{str});
  if (negative)
    result = -result;
  return result;
}

} // namespace

// -- reading ------------------------------------------------------------------

number_form form_of_number(std::string_view str) noexcept {
  take_sign(str);
  auto whole = take_digits(str);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0'))
    return number_form::none;
  if (str.empty())
    return number_form::integer;
  if (str.starts_with('.')) {
    str.remove_prefix(1);
    if (take_digits(str).empty())
      return number_form::none;
  }
  if (str.starts_with('e') || str.starts_with('E')) {
    str.remove_prefix(1);
    take_sign(str);
    if (take_digits(str).empty())
      return number_form::none;
  }
  return str.empty() ? number_form::real : number_form::none;
}

expected<value> read_integer(std::string_view str) {
  auto digits = str.substr(str.starts_with('+') ? 1 : 0);
  int64_t small = 0;
  auto end = digits.data() + digits.size();
  auto res = std::from_chars(digits.data(), end, small);
  if (res.ec == std::errc{} && res.ptr == end)
    return value{small};
  auto negative = take_sign(str);
  auto big = read_digits(negative, str);
  if (!big)
    return fail(std::move(big.error()));
  return value{big_integer{std::move(*big)}};
}

expected<value> read_real(std::string_view str) {
  auto digits = str.substr(str.starts_with('+') ? 1 : 0);
  double result = 0;
  auto res
    = std::from_chars(digits.data(), digits.data() + digits.size(), result);
  if (res.ec == std::errc{} && std::isfinite(result))
    return value{result};
  // Out of range: too large, or so small that zero is closest. The position of
  // the first digit that counts tells.
  auto [negative, whole, fraction, exponent] = split(str);
  auto first = static_cast<int64_t>(whole.size());
  if (whole.find_first_not_of('0') == std::string_view::npos)
    first = -static_cast<int64_t>(
      std::min(fraction.find_first_not_of('0'), fraction.size()));
  if (first + exponent > 0)
    return fail(errc::parse_error, "the number is too large for a double");
  return value{negative ? -0.0 : 0.0};
}

expected<value> read_decimal(std::string_view str) {
  auto [negative, whole, fraction, exponent] = split(str);
  auto scale = static_cast<int64_t>(fraction.size()) - exponent;
  using scales = std::numeric_limits<int32_t>;
  if (scale < scales::min() || scale > scales::max())
    return fail(errc::parse_error, "the exponent of a decimal is out of range");
  std::string digits{whole};
  digits += fraction;
  auto unscaled = read_digits(negative, digits);
  if (!unscaled)
    return fail(std::move(unscaled.error()));
  return value{decimal{std::move(*unscaled), static_cast<int32_t>(scale)}};
}

// -- printing -----------------------------------------------------------------

void append_real(std::string& out, double x) {
  char buf[32];
  auto end = std::to_chars(std::begin(buf), std::end(buf), x).ptr;
  std::string_view str{buf, static_cast<size_t>(end - buf)};
  out += str;
  if (str.find_first_of(".e") == std::string_view::npos)
    out += ".0";
}

void append_decimal(std::string& out, const decimal& x) {
  auto digits = cpp_int{abs(x.unscaled)}.str();
  auto size = static_cast<int64_t>(digits.size());
  auto scale = int64_t{x.scale};
  // The exponent if there is one digit before the point.
  auto exponent = size - 1 - scale;
  if (x.unscaled.sign() < 0)
    out += '-';
  if (scale == 0) {
    out += digits;
  } else if (scale > 0 && exponent >= -6) {
    if (size <= scale)
      digits.insert(0, static_cast<size_t>(scale - size + 1), '0');
    digits.insert(digits.size() - static_cast<size_t>(scale), 1, '.');
    out += digits;
  } else {
    if (size > 1)
      digits.insert(1, 1, '.');
    out += digits;
    out += exponent < 0 ? "E" : "E+";
    out += std::to_string(exponent);
  }
}

// -- numbers of any size ------------------------------------------------------

bool has_too_many_digits(const cpp_int& x) {
  // A bit more than 3.3219 bits take a digit; round so that the answer is never
  // a wrong "no".
  constexpr auto bits = static_cast<unsigned>(max_digits * 3.3219);
  return !x.is_zero() && msb(abs(x)) >= bits;
}

std::string to_hex_digits(const cpp_int& x) {
  // The library's own conversion takes quadratic time.
  std::vector<uint8_t> magnitude;
  export_bits(cpp_int{abs(x)}, std::back_inserter(magnitude), 8);
  auto digits = to_hex(std::as_bytes(std::span{magnitude}));
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return x.sign() < 0 ? "-" + digits : digits;
}

bool from_hex_digits(std::string_view str, cpp_int& out) {
  auto negative = str.starts_with('-');
  str.remove_prefix(negative ? 1 : 0);
  if (str.empty()
      || str.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return false;
  out.assign("0x" + std::string{str});
  if (negative)
    out = -out;
  return true;
}

} // namespace larder::detail
