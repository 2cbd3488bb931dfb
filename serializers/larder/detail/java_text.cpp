// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/java_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace larder::detail {

namespace {

/// The digits of a decimal number and the power of ten of the first one.
struct decimal_digits {
  std::string digits;
  int exponent = 0;
};

/// Takes `D.DDDe±XX` apart.
decimal_digits split(std::string_view str) {
  decimal_digits result;
  auto e = str.find('e');
  for (auto c : str.substr(0, e))
    if (c != '.')
      result.digits += c;
  str.remove_prefix(e + (str[e + 1] == '+' ? 2 : 1));
  std::from_chars(str.data(), str.data() + str.size(), result.exponent);
  return result;
}

/// @pre `x` is finite and over zero
decimal_digits shortest_digits(double x) {
  constexpr auto scientific = std::chars_format::scientific;
  char buf[32];
  auto end = std::to_chars(buf, buf + sizeof(buf), x, scientific).ptr;
  auto result = split({buf, end});
  if (result.digits.size() > 1)
    return result;
  // Java always prints two digits, and chooses the closest two: 4.9E-324.
  end = std::to_chars(buf, buf + sizeof(buf), x, scientific, 1).ptr;
  double same = 0;
  std::from_chars(buf, end, same);
  if (same == x)
    return split({buf, end});
  result.digits += '0';
  return result;
}

} // namespace

std::string java_text(double x) {
  if (std::isnan(x))
    return "NaN";
  std::string result = std::signbit(x) ? "-" : "";
  if (std::isinf(x))
    return result + "Infinity";
  if (x == 0)
    return result + "0.0";
  auto [digits, exponent] = shortest_digits(std::abs(x));
  if (exponent < -3 || exponent >= 7) {
    digits.insert(1, 1, '.');
    return result + digits + 'E' + std::to_string(exponent);
  }
  if (exponent < 0) {
    digits.insert(0, static_cast<size_t>(-exponent), '0');
    exponent = 0;
  }
  auto point = static_cast<size_t>(exponent) + 1;
  if (digits.size() < point + 1)
    digits.append(point + 1 - digits.size(), '0');
  digits.insert(point, 1, '.');
  // The second digit is there for the sake of the others.
  if (digits.size() > point + 2 && digits.back() == '0')
    digits.pop_back();
  return result + digits;
}

} // namespace larder::detail
