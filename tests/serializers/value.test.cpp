// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/value.hpp"

#include "larder/number.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <unordered_set>

using namespace larder;

namespace {

/// One or more values of each kind, in the total order.
std::vector<value> ascending() {
  using limits = std::numeric_limits<double>;
  return {
    value{},
    value{false},
    value{true},
    value{std::numeric_limits<int64_t>::min()},
    value{-1},
    value{0},
    value{1},
    value{big_integer{boost::multiprecision::cpp_int{"-99999999999999999999"}}},
    value{std::numeric_limits<uint64_t>::max()},
    value{-limits::infinity()},
    value{-1.5},
    value{-0.0},
    value{0.0},
    value{1.5},
    value{limits::infinity()},
    value{limits::quiet_NaN()},
    value{decimal{-15, 1}},
    value{decimal{0, 0}},
    value{decimal{0, 1}},
    value{decimal{10, 1}},
    value{decimal{100, 2}},
    value{decimal{1, -5}},
    value{U'a'},
    value{U'\U0001F600'},
    value{""},
    value{"a"},
    value{"aa"},
    value{"b"},
    value::keyword("a"),
    value::keyword("a/b"),
    value::symbol("a"),
    value{bytes{}},
    value{bytes{std::byte{1}}},
    value{uuid{}},
    value::instant(-1),
    value::instant(0),
    value::vector(),
    value::vector({1}),
    value::vector({1, 2}),
    value::vector({2}),
    value::list(),
    value::list({1}),
    value::set(),
    value::set({1, 2}),
    value::map(),
    value::map({{1, 2}}),
    value::map({{1, 3}}),
    value::tagged("a", 1),
    value::tagged("b", 0),
  };
}

} // namespace

TEST_CASE("values are ordered totally") {
  auto xs = ascending();
  for (size_t i = 0; i < xs.size(); ++i)
    for (size_t j = 0; j < xs.size(); ++j) {
      INFO(i << " against " << j);
      CHECK((xs[i] <=> xs[j]) == (i <=> j));
      CHECK((xs[i] == xs[j]) == (i == j));
    }
}

TEST_CASE("decimals are ordered by size, whatever their scales") {
  auto dec = [](const char* digits, int32_t scale) {
    return value{decimal{boost::multiprecision::cpp_int{digits}, scale}};
  };
  CHECK(dec("99", 1) < dec("10", 0));
  CHECK(dec("1", -3) > dec("99999", 2));
  CHECK(dec("1", -3) < dec("100001", 2));
  CHECK(dec("-99", 1) > dec("-10", 0));
  CHECK(dec("1", -2'000'000'000) > dec("1", 2'000'000'000));
  CHECK(dec("-1", -2'000'000'000) < dec("-1", 2'000'000'000));
  CHECK(dec("9999999999999999999999", 21) < dec("10000000000000000000001", 21));
}

TEST_CASE("equal values have equal hashes and different ones differ") {
  auto xs = ascending();
  std::unordered_set<value> seen(xs.begin(), xs.end());
  CHECK(seen.size() == xs.size());
  for (auto& x : ascending())
    CHECK(seen.count(x) == 1);
}

TEST_CASE("integers that fit into 64 bits are never big") {
  CHECK(value{big_integer{7}} == value{7});
  CHECK(value{uint64_t{7}} == value{7});
  CHECK(
    value{std::numeric_limits<uint64_t>::max()}.is(value::kind::big_integer));
}

TEST_CASE("maps and sets do not depend on the order of building") {
  CHECK(value::map({{1, "a"}, {2, "b"}}) == value::map({{2, "b"}, {1, "a"}}));
  CHECK(value::set({3, 1, 2, 3}) == value::set({1, 2, 3}));
  CHECK(value::set({3, 1, 2, 3}).size() == 3);
}

TEST_CASE("the last of equal keys wins") {
  auto x = value::map({{1, "a"}, {2, "b"}, {1, "c"}, {2, "d"}, {1, "e"}});
  CHECK(x.size() == 2);
  CHECK(*x.find(1) == value{"e"});
  CHECK(*x.find(2) == value{"d"});
}

TEST_CASE("a changed copy leaves the original alone") {
  auto inner = value::vector({1, 2, 3});
  auto x = value::map({{"a", inner}, {"b", 2}});
  auto y = x.with("b", 3);
  CHECK(*x.find("b") == value{2});
  CHECK(*y.find("b") == value{3});
  CHECK(x.find("a")->items().data() == y.find("a")->items().data());
  CHECK(y.without("a") == value::map({{"b", 3}}));
  CHECK(y.without("zz") == y);
  CHECK(value::set({1, 2}).without(1) == value::set({2}));
}

TEST_CASE("taking items moves them out only if nobody shares them") {
  auto x = value::vector({"some text", 2});
  auto data = x.items().data();
  auto shared = x;
  CHECK(std::move(x).take_items().data() != data);
  CHECK(shared.size() == 2);
  CHECK(std::move(shared).take_items().data() == data);
}

TEST_CASE("nesting may be deep: nothing recurses when a value goes") {
  value x;
  for (int i = 0; i < 1'000'000; ++i)
    x = i % 2 == 0 ? value::vector({std::move(x)})
                   : value::map({{1, std::move(x)}});
  CHECK(x.depth() == 1'000'000);
  x = value{};
  CHECK(x.is_nil());
}

TEST_CASE("UTF-8 is checked strictly") {
  CHECK(is_utf8("plain, ünï, \xF0\x9F\x98\x80"));
  CHECK_FALSE(is_utf8("\xFF"));
  CHECK_FALSE(is_utf8("\xC0\xAF"));         // overlong
  CHECK_FALSE(is_utf8("\xE0\x80\xAF"));     // overlong
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));     // surrogate
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80")); // past U+10FFFF
  CHECK_FALSE(is_utf8("\xE2\x82"));         // cut off
}
