// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Random values of all kinds for property tests with rapidcheck: take a
/// `const larder::value&` as parameter of the property.

#pragma once

#include "larder/number.hpp"
#include "larder/text.hpp"
#include "larder/value.hpp"

#include <rapidcheck.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

namespace larder {

/// How rapidcheck prints values in messages.
inline void showValue(const value& x, std::ostream& os) {
  os << to_edn(x);
}

} // namespace larder

namespace larder::test {

// -- text ---------------------------------------------------------------------

inline rc::Gen<char32_t> any_code_point() {
  auto range = [](uint32_t low, uint32_t high) {
    return rc::gen::cast<char32_t>(rc::gen::inRange(low, high));
  };
  return rc::gen::weightedOneOf<char32_t>({{10, range(0x20, 0x7F)},
                                           {2, range(0, 0x20)},
                                           {1, range(0x7F, 0xA1)},
                                           {2, range(0xA1, 0x800)},
                                           {2, range(0x800, 0xD800)},
                                           {1, range(0x2000, 0x2070)},
                                           {1, range(0xE000, 0x10000)},
                                           {2, range(0x10000, 0x110000)}});
}

inline std::string to_utf8(const std::u32string& str) {
  std::string result;
  auto put = [&](char32_t x) { result += static_cast<char>(x); };
  for (auto x : str) {
    if (x < 0x80) {
      put(x);
    } else if (x < 0x800) {
      put(0xC0 | (x >> 6));
      put(0x80 | (x & 0x3F));
    } else if (x < 0x10000) {
      put(0xE0 | (x >> 12));
      put(0x80 | ((x >> 6) & 0x3F));
      put(0x80 | (x & 0x3F));
    } else {
      put(0xF0 | (x >> 18));
      put(0x80 | ((x >> 12) & 0x3F));
      put(0x80 | ((x >> 6) & 0x3F));
      put(0x80 | (x & 0x3F));
    }
  }
  return result;
}

inline rc::Gen<std::string> any_text() {
  return rc::gen::map(rc::gen::container<std::u32string>(any_code_point()),
                      to_utf8);
}

/// Names of keywords, symbols and tags: usual ones, and ones that text forms
/// have trouble with.
inline rc::Gen<std::string> any_name() {
  auto usual = rc::gen::container<std::string>(
    rc::gen::elementOf(std::string{"abcxyz019-+.*!?_/:#'<>=&%$"}));
  auto odd = rc::gen::element<std::string>(
    "", "nil", "true", "false", "/", "//", "a/", "/a", "a/b", "a/b/c", "1", "-",
    "+1", "-1", ".5", "a b", "a,b", "a\"b", "a;b", "[", "a\nb", "größe", "'a",
    ":a", "#a", "##Inf", "\\a", "_", "a/1", "inst2", "\xC2\xA0");
  return rc::gen::weightedOneOf<std::string>(
    {{4, usual}, {2, odd}, {1, any_text()}});
}

inline rc::Gen<std::string> any_tag() {
  return rc::gen::suchThat(any_name(), [](const std::string& x) {
    return !value::is_reserved_tag(x);
  });
}

// -- numbers ------------------------------------------------------------------

inline rc::Gen<int64_t> any_integer() {
  using limits = std::numeric_limits<int64_t>;
  return rc::gen::weightedOneOf<int64_t>(
    {{3, rc::gen::arbitrary<int64_t>()},
     {1, rc::gen::map(rc::gen::arbitrary<uint64_t>(),
                      [](uint64_t x) {
                        // All magnitudes are equally likely.
                        return static_cast<int64_t>(x >> (x % 64));
                      })},
     {1, rc::gen::element<int64_t>(limits::min(), limits::min() + 1, -1, 0, 23,
                                   24, 255, 256, 65535, 65536, 4294967295,
                                   4294967296, limits::max())}});
}

inline rc::Gen<boost::multiprecision::cpp_int> any_digits() {
  return rc::gen::map(rc::gen::pair(rc::gen::arbitrary<bool>(),
                                    rc::gen::container<std::vector<uint32_t>>(
                                      rc::gen::arbitrary<uint32_t>())),
                      [](const std::pair<bool, std::vector<uint32_t>>& xs) {
                        boost::multiprecision::cpp_int result;
                        for (auto x : xs.second)
                          result = (result << 32) | x;
                        if (xs.first)
                          result = -result;
                        return result;
                      });
}

inline rc::Gen<double> any_real() {
  using limits = std::numeric_limits<double>;
  return rc::gen::weightedOneOf<double>(
    {{2, rc::gen::arbitrary<double>()},
     {2, rc::gen::map(rc::gen::arbitrary<uint64_t>(),
                      [](uint64_t x) { return std::bit_cast<double>(x); })},
     {1, rc::gen::map(rc::gen::arbitrary<int32_t>(),
                      [](int32_t x) { return x / 8.0; })},
     {1,
      rc::gen::element(0.0, -0.0, 1.0, 0.1, 1e22, 1e23, 5e-324, limits::min(),
                       limits::max(), -limits::max(), limits::infinity(),
                       -limits::infinity(), limits::quiet_NaN())}});
}

inline rc::Gen<decimal> any_decimal() {
  auto scale = rc::gen::weightedOneOf<int32_t>(
    {{4, rc::gen::inRange<int32_t>(-20, 40)},
     {1, rc::gen::element<int32_t>(std::numeric_limits<int32_t>::min(), 0,
                                   std::numeric_limits<int32_t>::max())}});
  return rc::gen::map(
    rc::gen::pair(any_digits(), scale),
    [](const std::pair<boost::multiprecision::cpp_int, int32_t>& x) {
      return decimal{x.first, x.second};
    });
}

// -- values -------------------------------------------------------------------

inline rc::Gen<bytes> any_bytes() {
  return rc::gen::container<bytes>(
    rc::gen::map(rc::gen::arbitrary<uint8_t>(),
                 [](uint8_t x) { return static_cast<std::byte>(x); }));
}

inline rc::Gen<uuid> any_uuid() {
  return rc::gen::map(
    rc::gen::container<std::vector<uint8_t>>(16, rc::gen::arbitrary<uint8_t>()),
    [](const std::vector<uint8_t>& xs) {
      uuid result;
      for (size_t i = 0; i < 16; ++i)
        result.data[i] = static_cast<std::byte>(xs[i]);
      return result;
    });
}

/// Instants in and around the years 0000 to 9999, and far away.
inline rc::Gen<int64_t> any_instant() {
  return rc::gen::oneOf(
    rc::gen::inRange<int64_t>(-62'167'219'300'000, 253'402'300'900'000),
    any_integer());
}

inline rc::Gen<value> any_scalar() {
  auto of
    = [](auto gen, auto make) { return rc::gen::map(std::move(gen), make); };
  auto make = [](auto x) { return value{std::move(x)}; };
  return rc::gen::oneOf(
    rc::gen::element(value{}, value{true}, value{false}),
    of(any_integer(), make),
    of(any_digits(),
       [](boost::multiprecision::cpp_int x) {
         return value{big_integer{std::move(x)}};
       }),
    of(any_real(), make), of(any_decimal(), make), of(any_code_point(), make),
    of(any_text(), make),
    of(any_name(), [](const std::string& x) { return value::keyword(x); }),
    of(any_name(), [](const std::string& x) { return value::symbol(x); }),
    of(any_bytes(), make), of(any_uuid(), make),
    of(any_instant(), [](int64_t x) { return value::instant(x); }));
}

/// Values nested at most `depth` deep.
inline rc::Gen<value> any_value(size_t depth) {
  if (depth == 0)
    return any_scalar();
  auto part = any_value(depth - 1);
  // Few parts each, or trees of some depth grow without measure.
  auto items = rc::gen::mapcat(rc::gen::inRange<size_t>(0, 5), [=](size_t n) {
    return rc::gen::container<std::vector<value>>(n, part);
  });
  using items_t = std::vector<value>;
  return rc::gen::weightedOneOf<value>(
    {{6, any_scalar()},
     {1, rc::gen::map(items, [](items_t xs) { return value::vector(xs); })},
     {1, rc::gen::map(items, [](items_t xs) { return value::list(xs); })},
     {1, rc::gen::map(items, [](items_t xs) { return value::set(xs); })},
     {2, rc::gen::map(rc::gen::pair(items, items),
                      [](const std::pair<items_t, items_t>& xs) {
                        std::vector<value::entry> entries;
                        for (size_t i = 0;
                             i < std::min(xs.first.size(), xs.second.size());
                             ++i)
                          entries.emplace_back(xs.first[i], xs.second[i]);
                        return value::map(std::move(entries));
                      })},
     {1, rc::gen::map(rc::gen::pair(any_tag(), part),
                      [](const std::pair<std::string, value>& x) {
                        return value::tagged(x.first, x.second);
                      })}});
}

} // namespace larder::test

template <>
struct rc::Arbitrary<larder::value> {
  static Gen<larder::value> arbitrary() {
    return larder::test::any_value(3);
  }
};
