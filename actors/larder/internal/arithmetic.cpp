// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/arithmetic.hpp"

#include "larder/number.hpp"

#include <boost/multiprecision/cpp_int.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace larder::internal {

namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;
using kind = value::kind;

/// Aligning scales multiplies by powers of ten: not by absurd ones.
constexpr int64_t max_scale = 10'000;

tl::unexpected<error> not_a_number(const value& x) {
  return fail(errc::wrong_type, "expected a number, got a value of kind "
                                  + std::string{to_string(x.type())});
}

cpp_int to_cpp_int(const value& x) {
  return x.is(kind::integer) ? cpp_int{x.as_integer()}
                             : x.as_big_integer().digits;
}

decimal to_decimal(const value& x) {
  return x.is(kind::decimal) ? x.as_decimal() : decimal{to_cpp_int(x), 0};
}

double to_real(const value& x) {
  switch (x.type()) {
    case kind::real:
      return x.as_real();
    case kind::decimal: {
      // The library's reading of text rounds correctly, unlike a division.
      auto& dec = x.as_decimal();
      auto text = dec.unscaled.str() + "e"
                  + std::to_string(-static_cast<int64_t>(dec.scale));
      return std::strtod(text.c_str(), nullptr);
    }
    case kind::big_integer:
      return std::strtod(to_cpp_int(x).str().c_str(), nullptr);
    default:
      return static_cast<double>(x.as_integer());
  }
}

cpp_int power_of_ten(int64_t n) {
  return boost::multiprecision::pow(cpp_int{10}, static_cast<unsigned>(n));
}

expected<value> add_decimals(decimal x, decimal y, bool negate) {
  auto diff = static_cast<int64_t>(x.scale) - y.scale;
  if (std::abs(diff) > max_scale)
    return fail(errc::limit_exceeded,
                "the scales of two decimals are too far apart to add them");
  if (diff < 0)
    x.unscaled *= power_of_ten(-diff);
  else
    y.unscaled *= power_of_ten(diff);
  auto scale = std::max(x.scale, y.scale);
  if (negate)
    y.unscaled = -y.unscaled;
  return value{decimal{x.unscaled + y.unscaled, scale}};
}

/// Makes an exact fraction of any number but NaN and the infinities.
expected<cpp_rational> to_rational(const value& x) {
  if (x.is(kind::real))
    return cpp_rational{x.as_real()};
  if (!x.is(kind::decimal))
    return cpp_rational{to_cpp_int(x)};
  auto& dec = x.as_decimal();
  auto scale = static_cast<int64_t>(dec.scale);
  if (std::abs(scale) > max_scale)
    return fail(errc::limit_exceeded,
                "the scale of a decimal is too large to compare it");
  if (scale >= 0)
    return cpp_rational{dec.unscaled, power_of_ten(scale)};
  return cpp_rational{cpp_int{dec.unscaled * power_of_ten(-scale)}};
}

/// Where a number lies if it is not an ordinary one: -1 and 1 for the
/// infinities, 2 for NaN, else 0.
int extremity(const value& x) {
  if (!x.is(kind::real))
    return 0;
  auto real = x.as_real();
  if (std::isnan(real))
    return 2;
  return std::isinf(real) ? (real > 0 ? 1 : -1) : 0;
}

} // namespace

bool is_number(const value& x) noexcept {
  return x.is(kind::integer) || x.is(kind::big_integer) || x.is(kind::real)
         || x.is(kind::decimal);
}

expected<value> add(const value& x, const value& y, bool negate) {
  for (auto* z : {&x, &y})
    if (!is_number(*z))
      return not_a_number(*z);
  if (x.is(kind::real) || y.is(kind::real))
    return value{to_real(x) + (negate ? -to_real(y) : to_real(y))};
  if (x.is(kind::decimal) || y.is(kind::decimal))
    return add_decimals(to_decimal(x), to_decimal(y), negate);
  if (x.is(kind::integer) && y.is(kind::integer)) {
    int64_t sum = 0;
    auto overflow
      = negate ? __builtin_sub_overflow(x.as_integer(), y.as_integer(), &sum)
               : __builtin_add_overflow(x.as_integer(), y.as_integer(), &sum);
    if (overflow)
      return fail(errc::out_of_range, std::to_string(x.as_integer())
                                        + (negate ? " - " : " + ")
                                        + std::to_string(y.as_integer())
                                        + " does not fit into 64 bits");
    return value{sum};
  }
  auto a = to_cpp_int(x);
  auto b = to_cpp_int(y);
  return value{big_integer{negate ? cpp_int{a - b} : cpp_int{a + b}}};
}

expected<std::strong_ordering> compare_numbers(const value& x, const value& y) {
  for (auto* z : {&x, &y})
    if (!is_number(*z))
      return not_a_number(*z);
  auto ex = extremity(x);
  auto ey = extremity(y);
  if (ex != 0 || ey != 0)
    return ex <=> ey;
  auto a = to_rational(x);
  if (!a)
    return fail(std::move(a.error()));
  auto b = to_rational(y);
  if (!b)
    return fail(std::move(b.error()));
  return a->compare(*b) <=> 0;
}

} // namespace larder::internal
