// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/number.hpp"

#include "larder/codec.hpp"
#include "larder/text.hpp"
#include "larder/value.hpp"

#include <catch2/catch.hpp>

using namespace larder;

namespace {

using boost::multiprecision::cpp_int;

std::strong_ordering opposite(std::strong_ordering x) {
  return 0 <=> x;
}

/// The order of two decimals by aligning their scales, whatever that takes.
std::strong_ordering by_definition(const decimal& x, const decimal& y) {
  auto scale = std::max(x.scale, y.scale);
  auto aligned = [scale](const decimal& z) {
    cpp_int factor = pow(cpp_int{10}, static_cast<unsigned>(scale - z.scale));
    return cpp_int{z.unscaled * factor};
  };
  auto res = aligned(x).compare(aligned(y)) <=> 0;
  return res != 0 ? res : x.scale <=> y.scale;
}

/// A number of `size` bytes.
cpp_int huge(size_t size) {
  cpp_int result{0x7F};
  return (result << static_cast<unsigned>(8 * (size - 1))) + 1;
}

constexpr size_t megabyte = size_t{1} << 20;

} // namespace

TEST_CASE("decimals are ordered by their value, then by their scale") {
  std::vector<cpp_int> unscaled{0, 1, 2, 9, 10, 11, 99, 100, 101, 1000};
  for (unsigned bits : {63, 64, 65, 127, 200})
    unscaled.push_back((cpp_int{1} << bits) - 1);
  unscaled.push_back(pow(cpp_int{10}, 40));
  unscaled.push_back(pow(cpp_int{10}, 40) - 1);
  std::vector<decimal> all;
  for (auto& n : unscaled)
    for (int32_t scale : {-41, -40, -39, -3, -2, -1, 0, 1, 2, 3, 39, 40, 41}) {
      all.push_back({n, scale});
      all.push_back({-n, scale});
    }
  for (auto& x : all)
    for (auto& y : all) {
      auto expected = by_definition(x, y);
      if ((x <=> y) == expected && (value{x} <=> value{y}) == expected
          && (value{y} <=> value{x}) == opposite(expected))
        continue;
      FAIL(to_edn(value{x}) << " and " << to_edn(value{y}));
    }
}

TEST_CASE("decimals whose scales are far apart are ordered at once") {
  using scales = std::numeric_limits<int32_t>;
  decimal tiny{1, scales::max()};
  decimal vast{1, scales::min()};
  CHECK(tiny < vast);
  CHECK(decimal{-1, scales::min()} < decimal{-1, scales::max()});
  CHECK(decimal{0, scales::min()} < decimal{0, scales::max()});
  CHECK(decimal{0, scales::min()} < tiny);
}

// What follows would take minutes if it took quadratic time.

TEST_CASE("huge decimals are ordered in reasonable time") {
  auto x = huge(2 * megabyte);
  CHECK(decimal{x, 0} < decimal{x + 1, 0});
  CHECK(decimal{x, 100} < decimal{x, 3});
  CHECK(decimal{-x, 3} < decimal{-x, 100});
  CHECK(decimal{x, 0} < decimal{x, -1'000'000'000});
  CHECK(decimal{x, 1} < decimal{x * 10, 2});
}

TEST_CASE("huge numbers as keys are decoded in reasonable time") {
  codec_registry codecs;
  auto cbor = *codecs.find_serializer("cbor");
  auto n = huge(megabyte);
  auto x = value::map({{decimal{n, 0}, 1},
                       {decimal{n, -7}, 2},
                       {decimal{n + 1, 0}, 3},
                       {big_integer{n}, 4}});
  bytes raw;
  REQUIRE(cbor->encode(x, raw, {}));
  auto read = cbor->decode(raw, {});
  REQUIRE(read);
  CHECK(*read == x);
}

TEST_CASE("huge numbers are printed and read in reasonable time") {
  auto n = huge(megabyte);
  for (auto& x : {value{big_integer{n}}, value{big_integer{-n}},
                  value{decimal{n, 3}}, value{decimal{-n, -3}}}) {
    auto text = to_edn(x);
    auto read = parse_edn(text);
    REQUIRE(read);
    CHECK((*read == x));
    auto json = parse_json(to_json(x));
    REQUIRE(json);
    CHECK((*json == value{text}));
  }
}

TEST_CASE("the hexadecimal form of a number has no leading zeros") {
  auto n = cpp_int{1} << 400'000u;
  CHECK(to_edn(big_integer{n})
        == "#larder/integer \"1" + std::string(100'000, '0') + "\"");
  CHECK(to_edn(big_integer{-(n << 4u)})
        == "#larder/integer \"-1" + std::string(100'001, '0') + "\"");
}
