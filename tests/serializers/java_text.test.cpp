// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/java_text.hpp"

#include "serializers/arbitrary_value.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

using larder::detail::java_text;

TEST_CASE("doubles print as Java prints them") {
  using doubles = std::numeric_limits<double>;
  // What `Double.toString` of Java 19 and later documents or returns.
  std::pair<double, std::string_view> cases[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {1.0, "1.0"},
    {-1.5, "-1.5"},
    {10.0, "10.0"},
    {100.0, "100.0"},
    {0.1, "0.1"},
    {0.001, "0.001"},
    {0.005, "0.005"},
    {0.0015, "0.0015"},
    {0.00099, "9.9E-4"},
    {1e-5, "1.0E-5"},
    {123456.789, "123456.789"},
    {1234567.0, "1234567.0"},
    {9999999.0, "9999999.0"},
    {1e7, "1.0E7"},
    {12345678.0, "1.2345678E7"},
    {1e10, "1.0E10"},
    {-1.25e100, "-1.25E100"},
    {2e23, "2.0E23"},
    {1e23, "1.0E23"},
    {3.141592653589793, "3.141592653589793"},
    {1.0 / 3, "0.3333333333333333"},
    {doubles::denorm_min(), "4.9E-324"},
    {2 * doubles::denorm_min(), "9.9E-324"},
    {doubles::min(), "2.2250738585072014E-308"},
    {doubles::max(), "1.7976931348623157E308"},
    {doubles::infinity(), "Infinity"},
    {-doubles::infinity(), "-Infinity"},
    {doubles::quiet_NaN(), "NaN"},
  };
  for (auto& [x, expected] : cases)
    CHECK(java_text(x) == expected);
}

TEST_CASE("doubles in Java's form read as the same double") {
  auto prop = [] {
    auto x = *larder::test::any_real();
    auto str = java_text(x);
    if (!std::isfinite(x))
      return;
    RC_ASSERT(std::strtod(str.c_str(), nullptr) == x);
    // One digit at least before and behind the point, no zero too many.
    auto digits = std::string_view{str}.substr(0, str.find('E'));
    auto point = digits.find('.');
    RC_ASSERT(point != std::string_view::npos && point + 1 < digits.size());
    RC_ASSERT(digits.back() != '0' || digits.size() == point + 2);
    auto has_exponent = str.find('E') != std::string::npos;
    auto plain = x == 0 || (std::abs(x) >= 1e-3 && std::abs(x) < 1e7);
    RC_ASSERT(has_exponent != plain);
  };
  rc::prop("random doubles", prop);
}
