// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/arbitrary_value.hpp"

#include "larder/number.hpp"
#include "larder/text.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <rapidcheck/catch.h>

#include <limits>

using namespace larder;

namespace {

using boost::multiprecision::cpp_int;

value kw(std::string_view name) {
  return value::keyword(name);
}

std::string message_of(std::string_view text, const limits& lim = {}) {
  auto result = parse_json(text, lim);
  return result ? "parsed as " + to_edn(*result) : to_string(result.error());
}

} // namespace

TEST_CASE("JSON reads as values") {
  std::pair<std::string_view, value> cases[] = {
    {"null", value{}},
    {" true ", true},
    {"false", false},
    {"-5", -5},
    {"9223372036854775807", std::numeric_limits<int64_t>::max()},
    {"-9223372036854775808", std::numeric_limits<int64_t>::min()},
    {"9223372036854775808", uint64_t{1} << 63},
    {"18446744073709551616", big_integer{cpp_int{"18446744073709551616"}}},
    {"-18446744073709551617", big_integer{cpp_int{"-18446744073709551617"}}},
    {"1.0", 1.0},
    {"-0.0", -0.0},
    {"1e3", 1000.0},
    {"0.1", 0.1},
    {"1e-999", 0.0},
    {R"("a\u00e9\ud83d\ude00\n\/")", "aé\xF0\x9F\x98\x80\n/"},
    {"[1, [], {}]", value::vector({1, value::vector(), value::map()})},
    {R"({"b": 1, "a": {"c": null}})",
     value::map({{"b", 1}, {"a", value::map({{"c", value{}}})}})},
  };
  for (auto& [text, wanted] : cases) {
    INFO(text << " => " << message_of(text));
    CHECK(parse_json(text) == wanted);
  }
}

TEST_CASE("integers of any size read from JSON exactly") {
  std::string digits(4'000, '7');
  CHECK(parse_json(digits) == value{big_integer{cpp_int{digits}}});
  CHECK(to_json(*parse_json(digits)) == digits);
  CHECK(parse_json(std::string(10'000'000, '7')).error()
        == errc::limit_exceeded);
}

TEST_CASE("what is no JSON is refused with line and column") {
  std::pair<std::string_view, std::string_view> cases[] = {
    {"", "line 1, column 1: JSON ends too early"},
    {"[1,\n2", "line 2, column 2"},
    {"[1,\n  x]", "line 2, column 4: no JSON at"},
    {"1 2", "line 1, column 4: no JSON at"},
    {"[1,]", "no JSON at"},
    {"{1:2}", "no JSON at"},
    {"01", "no JSON at"},
    {"+1", "no JSON at"},
    {"NaN", "no JSON at"},
    {"'a'", "no JSON at"},
    {"\"\xFF\"", "no JSON at"},
    {R"("\ud83d")", "no JSON at"},
    {"\"a\nb\"", "no JSON at"},
    {"1e400", "too large for a double"},
    {"1e5000", "is too large"},
    {std::string_view{"1\0", 2}, "line 1, column 2: a zero byte"},
    {std::string_view{"1\0 2", 4}, "a zero byte"},
    {"{\"a\":1,\n\"b\":2,\"a\":3}",
     "line 2, column 13: the object has the name"},
    {"[{\"a\":1,\"a\":1}]", "the object has the name \"a\" twice"},
  };
  for (auto& [text, wanted] : cases) {
    auto message = message_of(text);
    INFO(text << " => " << message);
    CHECK(message.starts_with("parse_error"));
    CHECK(message.find(wanted) != std::string::npos);
  }
}

TEST_CASE("JSON over the limits is refused") {
  CHECK(parse_json(std::string(1'000'000, '[')).error()
        == errc::limit_exceeded);
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i)
    objects += "{\"\":";
  CHECK(parse_json(objects).error() == errc::limit_exceeded);
  limits lim;
  lim.max_depth = 1;
  CHECK(parse_json("[1]", lim).has_value());
  CHECK(parse_json("[[]]", lim).error() == errc::limit_exceeded);
  lim.max_value_size = 3;
  CHECK(parse_json("[12]", lim).error() == errc::limit_exceeded);
}

TEST_CASE("kinds that JSON lacks print as strings, arrays and objects") {
  using reals = std::numeric_limits<double>;
  std::pair<value, std::string_view> cases[] = {
    {value{}, "null"},
    {true, "true"},
    {-5, "-5"},
    {std::numeric_limits<uint64_t>::max(), "18446744073709551615"},
    {1.0, "1.0"},
    {reals::infinity(), "\"Infinity\""},
    {-reals::infinity(), "\"-Infinity\""},
    {reals::quiet_NaN(), "\"NaN\""},
    {decimal{1230, 2}, "12.30"},
    {decimal{15, -6}, "1.5E+7"},
    {U'é', "\"é\""},
    {"a\"\\\n\x01é", "\"a\\\"\\\\\\n\\u0001é\""},
    {kw("a/b"), "\"a/b\""},
    {value::symbol("a"), "\"a\""},
    {bytes{std::byte{255}}, "\"/w==\""},
    {uuid{}, "\"00000000-0000-0000-0000-000000000000\""},
    {value::instant(0), "\"1970-01-01T00:00:00.000Z\""},
    {value::instant(253'402'300'800'000),
     "\"#larder/instant 253402300800000\""},
    {value::vector({1, value::list({2})}), "[1,[2]]"},
    {value::set({2, 1}), "[1,2]"},
    {value::tagged("a/b", value::vector()), R"({"tag":"a/b","value":[]})"},
    {value::map({{kw("a"), 1}, {"b", 2}, {U'c', 3}}), R"({"c":3,"b":2,"a":1})"},
    {value::map({{value{}, 0}, {1, 1}, {1.5, 2}, {value::vector({"x"}), 3}}),
     R"({"nil":0,"1":1,"1.5":2,"[\"x\"]":3})"},
  };
  for (auto& [x, wanted] : cases)
    CHECK(to_json(x) == wanted);
}

TEST_CASE("keys of a map that JSON could not tell apart print as EDN") {
  auto x = value::map({{"a", 1}, {kw("a"), 2}, {kw("b"), 3}, {":a", 4}});
  CHECK(to_json(x) == R"({"\":a\"":4,"\"a\"":1,":a":2,":b":3})");
  CHECK(to_json(value::map({{1, 1}, {"1", 2}})) == R"({"1":1,"\"1\"":2})");
}

TEST_CASE("pretty JSON has a line for each part") {
  auto x = value::map({{"a", value::vector({1, value::map()})},
                       {"b", value::tagged("t", value::vector())}});
  CHECK(to_json(x, {.pretty = true}) == R"({
  "a": [
    1,
    {}
  ],
  "b": {
    "tag": "t",
    "value": []
  }
})");
}

TEST_CASE("every value prints as JSON that other readers accept") {
  rc::prop("nlohmann-json reads what is printed", [](const value& x) {
    try {
      auto plain = nlohmann::json::parse(to_json(x));
      auto pretty = nlohmann::json::parse(to_json(x, {.pretty = true}));
      RC_ASSERT(plain == pretty);
    } catch (const nlohmann::json::out_of_range&) {
      RC_DISCARD("a number that is too large");
    }
  });
}

TEST_CASE("what JSON can express survives printing and reading") {
  rc::prop("a value read from JSON prints as JSON that reads as the same",
           [](const value& x) {
             auto once = parse_json(to_json(x));
             // Decimals may be too large for a double.
             if (!once)
               RC_DISCARD("a number that is too large");
             RC_ASSERT(parse_json(to_json(*once)) == *once);
             RC_ASSERT(parse_json(to_json(*once, {.pretty = true})) == *once);
           });
  rc::prop("no entry of a map is lost", [](const value& x) {
    auto copy = value::map({{x, 1}, {kw("a"), 2}, {"a", 3}});
    auto read = parse_json(to_json(copy));
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->size() == copy.size());
  });
}

TEST_CASE("values of any depth print as JSON without deep recursion") {
  constexpr size_t n = 1'000'000;
  value x;
  for (size_t i = 0; i < n; ++i)
    x = value::vector({std::move(x)});
  CHECK(to_json(x) == std::string(n, '[') + "null" + std::string(n, ']'));
}
