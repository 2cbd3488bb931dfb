// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/unhex.hpp"

#include "larder/codec.hpp"
#include "larder/number.hpp"

#include <catch2/catch.hpp>

#include <limits>

using namespace larder;
using larder::test::unhex;

namespace {

const serializer& cbor() {
  static codec_registry registry;
  return *registry.find_serializer("cbor").value();
}

std::string encoded(const value& x) {
  bytes out;
  auto res = cbor().encode(x, out, limits{});
  INFO((res ? std::string{} : to_string(res.error())));
  REQUIRE(res);
  return to_hex(out);
}

expected<value> decoded(std::string_view hex, const limits& lim = {}) {
  return cbor().decode(unhex(hex), lim);
}

value big(const char* digits) {
  return big_integer{boost::multiprecision::cpp_int{digits}};
}

value kw(std::string_view name) {
  return value::keyword(name);
}

struct vector {
  std::string_view hex;
  value x;
};

constexpr auto infinity = std::numeric_limits<double>::infinity();
constexpr auto not_a_number = std::numeric_limits<double>::quiet_NaN();

/// RFC 8949, appendix A: what has a meaning here and is encoded
/// deterministically.
std::vector<vector> rfc_vectors() {
  std::vector<value> one_to_25;
  for (int i = 1; i <= 25; ++i)
    one_to_25.emplace_back(i);
  return {
    {"00", 0},
    {"01", 1},
    {"0a", 10},
    {"17", 23},
    {"1818", 24},
    {"1819", 25},
    {"1864", 100},
    {"1903e8", 1000},
    {"1a000f4240", 1000000},
    {"1b000000e8d4a51000", 1000000000000},
    {"1bffffffffffffffff", std::numeric_limits<uint64_t>::max()},
    {"c249010000000000000000", big("18446744073709551616")},
    {"3bffffffffffffffff", big("-18446744073709551616")},
    {"c349010000000000000000", big("-18446744073709551617")},
    {"20", -1},
    {"29", -10},
    {"3863", -100},
    {"3903e7", -1000},
    {"f90000", 0.0},
    {"f98000", -0.0},
    {"f93c00", 1.0},
    {"fb3ff199999999999a", 1.1},
    {"f93e00", 1.5},
    {"f97bff", 65504.0},
    {"fa47c35000", 100000.0},
    {"fa7f7fffff", 3.4028234663852886e+38},
    {"fb7e37e43c8800759c", 1.0e+300},
    {"f90001", 5.960464477539063e-8},
    {"f90400", 0.00006103515625},
    {"f9c400", -4.0},
    {"fbc010666666666666", -4.1},
    {"f97c00", infinity},
    {"f97e00", not_a_number},
    {"f9fc00", -infinity},
    {"f4", false},
    {"f5", true},
    {"f6", value{}},
    {"c074323031332d30332d32315432303a30343a30305a",
     value::instant(1363896240000)},
    {"40", bytes{}},
    {"4401020304", unhex("01020304")},
    {"60", ""},
    {"6161", "a"},
    {"6449455446", "IETF"},
    {"62225c", "\"\\"},
    {"62c3bc", "\u00fc"},
    {"63e6b0b4", "\u6c34"},
    {"64f0908591", "\U00010151"},
    {"80", value::vector()},
    {"83010203", value::vector({1, 2, 3})},
    {"8301820203820405",
     value::vector({1, value::vector({2, 3}), value::vector({4, 5})})},
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
     value::vector(one_to_25)},
    {"a0", value::map()},
    {"a201020304", value::map({{1, 2}, {3, 4}})},
    {"a26161016162820203",
     value::map({{"a", 1}, {"b", value::vector({2, 3})}})},
    {"826161a161626163", value::vector({"a", value::map({{"b", "c"}})})},
    {"a56161614161626142616361436164614461656145",
     value::map({{"a", "A"}, {"b", "B"}, {"c", "C"}, {"d", "D"}, {"e", "E"}})},
  };
}

/// What konserve's "boring" serializer writes, taken from its blobs.
std::vector<vector> konserve_vectors() {
  return {
    {"182a", 42},
    {"3a0012d686", -1234567},
    {"1b7fffffffffffffff", std::numeric_limits<int64_t>::max()},
    {"c24d018ee90ff6c373e0ee4e3f0ad2", big("123456789012345678901234567890")},
    {"c482241a0004cb2f", decimal{314159, 5}},
    {"fb3fd5555555555555", 1.0 / 3},
    {"d81b826c636c6f6a7572652f636861726178", U'x'},
    {"d8276d3a736f6d652f6b6579776f7264", kw("some/keyword")},
    {"d8276b736f6d652e6e732f73796d", value::symbol("some.ns/sym")},
    {"86010203"
     "64666f7572"
     "d827653a66697665"
     "f6",
     value::vector({1, 2, 3, "four", kw("five"), value{}})},
    {"d9010280", value::set()},
    {"d82550550e8400e29b41d4a716446655440000",
     *uuid::parse("550e8400-e29b-41d4-a716-446655440000")},
    {"4a00010203040506070809", unhex("00010203040506070809")},
    {"a1d827693a6b65792d6b696e64d827643a696e74",
     value::map({{kw("key-kind"), kw("int")}})},
    {"c07818323032362d31312d32325430353a30313a35302e3533395a",
     value::instant(1795323710539)},
  };
}

} // namespace

TEST_CASE("cbor encodes and decodes the examples of RFC 8949") {
  for (auto& [hex, x] : rfc_vectors()) {
    INFO(hex);
    auto y = decoded(hex);
    REQUIRE(y);
    CHECK(*y == x);
    if (!x.is(value::kind::instant)) // the RFC's has no milliseconds
      CHECK(encoded(x) == hex);
  }
}

TEST_CASE("cbor encodes and decodes what konserve writes") {
  for (auto& [hex, x] : konserve_vectors()) {
    INFO(hex);
    auto y = decoded(hex);
    REQUIRE(y);
    CHECK(*y == x);
    CHECK(encoded(x) == hex);
  }
}

TEST_CASE("cbor decodes well-formed input that is not deterministic") {
  std::vector<vector> table = {
    {"1800", 0},
    {"1b0000000000000001", 1},
    {"c24101", 1},
    {"c240", 0},
    {"c340", -1},
    {"fb3ff8000000000000", 1.5},
    {"fa7fc00000", not_a_number},
    {"fb7ff8000000000001", not_a_number},
    {"fbfff0000000000000", -infinity},
    {"5f42010243030405ff", unhex("0102030405")},
    {"7f657374726561646d696e67ff", "streaming"},
    {"9fff", value::vector()},
    {"9f018202039f0405ffff",
     value::vector({1, value::vector({2, 3}), value::vector({4, 5})})},
    {"bf61610161629f0203ffff",
     value::map({{"a", 1}, {"b", value::vector({2, 3})}})},
    {"a203040102", value::map({{1, 2}, {3, 4}})},
    {"d901029f0201ff", value::set({1, 2})},
    {"d81b9f6c636c6f6a7572652f636861726178ff", U'x'},
    {"c49f2001ff", decimal{1, 1}},
    {"d9d9f7182a", 42},
  };
  for (auto& [hex, x] : table) {
    INFO(hex);
    auto y = decoded(hex);
    REQUIRE(y);
    CHECK(*y == x);
  }
}

TEST_CASE("cbor keeps kinds apart that look alike") {
  std::vector<value> xs = {
    1,
    1.0,
    decimal{1, 0},
    decimal{10, 1},
    decimal{10, std::numeric_limits<int32_t>::min()},
    decimal{10, std::numeric_limits<int32_t>::max()},
    value{
      decimal{boost::multiprecision::cpp_int{"-12345678901234567890123"}, -7}},
    "a",
    ":a",
    U'a',
    U'\u00e4',
    U'\u6c34',
    U'\U0010FFFF',
    kw("a"),
    kw(":a"),
    kw(""),
    value::symbol("a"),
    value::symbol(":a"),
    value::symbol("::a"),
    value::symbol(""),
    value::vector({1}),
    value::list({1}),
    value::list(),
    value::set({1}),
    value::tagged("my/point", value::vector({1, 2})),
    value::tagged("clojure/char", "x"),
    value::tagged("clojure/char", value::list({1})),
    value::tagged("", value{}),
    value::map({{value::list({1}), value::set({value::list(), U'x'})}}),
  };
  for (auto& x : xs) {
    auto hex = encoded(x);
    INFO(hex);
    auto y = decoded(hex);
    REQUIRE(y);
    CHECK(*y == x);
  }
}

TEST_CASE("cbor decodes what it has encoded, even mixed keys") {
  std::vector<value::entry> entries;
  std::vector<value> items;
  auto id = uuid::random();
  for (auto& [hex, x] : rfc_vectors()) {
    entries.emplace_back(x, hex);
    items.push_back(x);
  }
  entries.emplace_back(id, value::map(entries));
  entries.emplace_back(value::map(entries), value::set(items));
  auto x = value::map(entries);
  auto y = decoded(encoded(x));
  REQUIRE(y);
  CHECK(*y == x);
}

TEST_CASE("cbor orders map keys by their encoded bytes") {
  // RFC 8949, section 4.2.1 has this example.
  auto x = value::map({{10, 1},
                       {100, 2},
                       {-1, 3},
                       {"z", 4},
                       {"aa", 5},
                       {value::vector({100}), 6},
                       {value::vector({-1}), 7},
                       {false, 8}});
  CHECK(encoded(x)
        == "a8"
           "0a01"
           "186402"
           "2003"
           "617a04"
           "62616105"
           "81186406"
           "812007"
           "f408");
  CHECK(encoded(value::map({{"b", 1}, {"aa", 2}, {"", 3}}))
        == "a36003616201"
           "62616102");
  CHECK(encoded(value::map({{-1, 1}, {-500, 2}, {0, 3}, {500, 4}, {7, 5}}))
        == "a500030705"
           "1901f404"
           "2001"
           "3901f302");
}

TEST_CASE("cbor appends and leaves no trace of a failure") {
  bytes out = unhex("beef");
  REQUIRE(cbor().encode("a", out, limits{}));
  CHECK(to_hex(out) == "beef6161");
  auto bad = value::map({{std::string(100, 'x'), value::vector({"\xFF"})}});
  auto res = cbor().encode(bad, out, limits{});
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::invalid_argument);
  CHECK(to_hex(out) == "beef6161");
}

TEST_CASE("cbor refuses text that is not UTF-8 wherever it is") {
  std::vector<value> xs = {
    "\xFF",
    kw("\xFF"),
    value::symbol("\xFF"),
    value::symbol(":\xFF"),
    value::tagged("\xFF", 1),
    value::map({{"\xFF", 1}}),
    value::map({{1, 1}, {"\xFF", 1}}),
    value::set({"\xFF"}),
    char32_t{0xD800},
    char32_t{0x110000},
    value::tagged("inst", 1),
  };
  for (auto& x : xs) {
    bytes out;
    auto res = cbor().encode(x, out, limits{});
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::invalid_argument);
    CHECK(out.empty());
  }
}

TEST_CASE("cbor encodes all instants of years 0 to 9999 in equal size") {
  for (int64_t ms :
       std::vector<int64_t>{-62167219200000, -1, 0, 999, 1795323710539,
                            951782400000, 253402300799999}) {
    auto hex = encoded(value::instant(ms));
    CHECK(hex.size() == 2 * 27);
    CHECK(decoded(hex).value() == value::instant(ms));
  }
  for (int64_t ms :
       {-62167219200001, 253402300800000, std::numeric_limits<int64_t>::min(),
        std::numeric_limits<int64_t>::max()})
    CHECK(decoded(encoded(value::instant(ms))).value() == value::instant(ms));
}

TEST_CASE("cbor reads date-times with any offset and fraction") {
  auto read = [](std::string_view str) {
    bytes in = unhex("c078");
    in.push_back(static_cast<std::byte>(str.size()));
    append(in, as_bytes(str));
    return cbor().decode(in, limits{});
  };
  CHECK(read("2000-02-29T23:59:59Z").value() == value::instant(951868799000));
  CHECK(read("2000-02-29t23:59:59.5z").value() == value::instant(951868799500));
  CHECK(read("2000-03-01T00:59:59.500000000+01:00").value()
        == value::instant(951868799500));
  CHECK(read("1969-12-31T23:00:00.001-01:00").value() == value::instant(1));
  for (auto str :
       {"", "2000", "2001-02-29T00:00:00Z", "2000-13-01T00:00:00Z",
        "2000-01-01 00:00:00Z", "2000-01-01T24:00:00Z", "2000-01-01T00:60:00Z",
        "2000-01-01T00:00:61Z", "2000-01-01T00:00:00", "2000-01-01T00:00:00.Z",
        "2000-01-01T00:00:00Z ", "2000-01-01T00:00:00+24:00",
        "2000-01-01T00:00:00+1:00", "-200-01-01T00:00:00Z"}) {
    INFO(str);
    auto res = read(str);
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::corruption);
  }
}

TEST_CASE("cbor refuses malformed and unknown input as corruption") {
  for (auto hex : {
         "",                               // nothing
         "0000",                           // two values
         "1c",                             // reserved additional information
         "1f",                             // indefinite integer
         "df00",                           // indefinite tag
         "ff",                             // break outside
         "81ff",                           // break for an item
         "bf00ff",                         // break for a value
         "f7",                             // undefined
         "f0",                             // unassigned simple value
         "f820",                           // simple value in two bytes
         "f814",                           // false in two bytes
         "61ff",                           // not UTF-8
         "7f61c361bcff",                   // a character across chunks
         "7f4101ff",                       // a chunk of another type
         "7f7f6161ffff",                   // a chunk of indefinite length
         "a201010102",                     // a key twice
         "d90102820101",                   // an item twice
         "d82500",                         // UUID without bytes
         "d8254100",                       // UUID too short
         "d82700",                         // identifier without text
         "c100",                           // a tag that has no meaning here
         "d9d9f7d9d9f700",                 // self-described twice
         "d9d9f7",                         // and nothing
         "81d9d9f700",                     // self-described inside
         "c48100",                         // decimal of one item
         "c483000000",                     // decimal of three items
         "c482f90000f9 0000",              // decimal of floats
         "c4821a8000000100",               // exponent too large
         "c4823a7fffffff00",               // exponent too small
         "c2 60",                          // bignum of text
         "d81b80",                         // object of nothing
         "d81b820000",                     // object without type
         "d81b8264696e737400",             // reserved type
         "d81b826a6c61726465722f666f6f00", // reserved type
         "d81b826c636c6f6a7572652f6368617260",     // no character
         "d81b826c636c6f6a7572652f63686172626161", // two characters
         "d90102a0",                               // a map as set
       }) {
    std::string digits = hex;
    std::erase(digits, ' ');
    INFO(digits);
    auto res = decoded(digits);
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::corruption);
  }
}

TEST_CASE("cbor refuses every beginning of an encoding") {
  for (auto& table : {rfc_vectors(), konserve_vectors()})
    for (auto& [hex, x] : table)
      for (size_t n = 0; n < hex.size(); n += 2) {
        INFO(hex << " cut to " << n / 2);
        auto res = decoded(hex.substr(0, n));
        REQUIRE_FALSE(res);
        CHECK(res.error() == errc::corruption);
      }
}

TEST_CASE("cbor refuses sizes that the input cannot have") {
  for (std::string_view type : {"5", "7", "9", "b"})
    for (auto size : {"a00000001", "affffffff", "b00000000ffffffff",
                      "b7fffffffffffffff", "bffffffffffffffff"}) {
      std::string hex{type};
      hex += size;
      INFO(hex);
      auto res = decoded(hex);
      REQUIRE_FALSE(res);
      CHECK(res.error() == errc::corruption);
    }
}

TEST_CASE("cbor counts nesting and refuses too much of it") {
  limits lim;
  lim.max_depth = 2;
  CHECK(decoded("8180", lim));
  CHECK(decoded("81d90102811864", lim));
  CHECK(decoded("81d81b82616100", lim));
  for (auto hex :
       {"818180", "a1a1800000", "a10081a0", "81d9010281d9010280",
        "8181d81b82616100", "8181d81b826b6c61726465722f6c69737480"}) {
    INFO(hex);
    auto res = decoded(hex, lim);
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::limit_exceeded);
  }
  auto deep = value::vector({value::vector({value::vector()})});
  bytes out;
  auto res = cbor().encode(deep, out, lim);
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::limit_exceeded);
  CHECK(out.empty());
}

TEST_CASE("cbor is safe from a million nested arrays, maps, sets and tags") {
  for (auto unit : {"81", "9f", "a100", "d9010281", "d81b826161",
                    "d81b826b6c61726465722f6c69737481"}) {
    std::string hex;
    for (int i = 0; i < 1'000'000; ++i)
      hex += unit;
    auto res = decoded(hex);
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::limit_exceeded);
  }
}

TEST_CASE("cbor refuses input over the size limit") {
  limits lim;
  lim.max_value_size = 3;
  CHECK(decoded("820102", lim));
  auto res = decoded("83010203", lim);
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::limit_exceeded);
}

TEST_CASE("cbor keeps many records with few and with many keys") {
  std::vector<value> records;
  for (int i = 0; i < 500; ++i) {
    auto unique = "key-" + std::to_string(i);
    records.push_back(value::map({{"id", i},
                                  {"di", -i},
                                  {kw("id"), i + 1},
                                  {kw("di"), i + 2},
                                  {value::symbol("id"), i + 3},
                                  {unique, i},
                                  {kw(unique), i},
                                  {std::string(30, 'x'), i},
                                  {"", i}}));
  }
  auto x = value::vector(records);
  auto y = decoded(encoded(x));
  REQUIRE(y);
  CHECK(*y == x);
}
