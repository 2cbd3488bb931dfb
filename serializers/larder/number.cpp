// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/number.hpp"

#include <algorithm>

namespace larder {

namespace {

using boost::multiprecision::cpp_int;

std::strong_ordering order(const cpp_int& x, const cpp_int& y) {
  return x.compare(y) <=> 0;
}

/// Returns a power of ten that is at most `x`, and whose hundredfold is more,
/// from the position of the highest bit: digits take quadratic time to count.
/// @pre `x > 0`
int64_t approximate_log10(const cpp_int& x) {
  constexpr double log10_of_2 = 0.30102999566;
  return static_cast<int64_t>(static_cast<double>(msb(x)) * log10_of_2);
}

/// Compares numbers over zero by value without building huge powers of ten: the
/// scales are aligned only for numbers of about the same magnitude, whose
/// scales differ by little more than they have digits.
std::strong_ordering order_magnitudes(cpp_int x, int64_t x_scale, cpp_int y,
                                      int64_t y_scale) {
  auto x_log = approximate_log10(x) - x_scale;
  auto y_log = approximate_log10(y) - y_scale;
  if (x_log > y_log + 2 || y_log > x_log + 2)
    return x_log <=> y_log;
  auto& shorter = x_scale < y_scale ? x : y;
  if (x_scale != y_scale)
    shorter
      *= pow(cpp_int{10}, static_cast<unsigned>(std::max(x_scale, y_scale)
                                                - std::min(x_scale, y_scale)));
  return order(x, y);
}

} // namespace

std::strong_ordering operator<=>(const big_integer& x, const big_integer& y) {
  return order(x.digits, y.digits);
}

std::strong_ordering operator<=>(const decimal& x, const decimal& y) {
  auto sign = x.unscaled.sign();
  if (sign != y.unscaled.sign())
    return sign <=> y.unscaled.sign();
  auto result = std::strong_ordering::equal;
  if (x.scale == y.scale)
    result = order(x.unscaled, y.unscaled);
  else if (sign > 0)
    result = order_magnitudes(x.unscaled, x.scale, y.unscaled, y.scale);
  else if (sign < 0)
    result = order_magnitudes(-y.unscaled, y.scale, -x.unscaled, x.scale);
  return result != 0 ? result : x.scale <=> y.scale;
}

} // namespace larder
