// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/arbitrary_value.hpp"

#include "larder/codec.hpp"
#include "larder/number.hpp"
#include "larder/text.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <filesystem>
#include <fstream>
#include <limits>

using namespace larder;

namespace {

using boost::multiprecision::cpp_int;

value kw(std::string_view name) {
  return value::keyword(name);
}

value sym(std::string_view name) {
  return value::symbol(name);
}

value big(const char* digits) {
  return value{big_integer{cpp_int{digits}}};
}

value read(std::string_view text) {
  auto result = parse_edn(text);
  INFO(text);
  if (!result)
    FAIL(to_string(result.error()));
  return *result;
}

std::string message_of(std::string_view text, const limits& lim = {}) {
  auto result = parse_edn(text, lim);
  return result ? "parsed as " + to_edn(*result) : to_string(result.error());
}

std::string repeat(std::string_view str, size_t n) {
  std::string result;
  for (size_t i = 0; i < n; ++i)
    result += str;
  return result;
}

} // namespace

// -- reading ------------------------------------------------------------------

TEST_CASE("EDN elements read as the values that they stand for") {
  using reals = std::numeric_limits<double>;
  std::pair<std::string_view, value> cases[] = {
    {"nil", value{}},
    {"true", true},
    {"false", false},
    // integers
    {"0", 0},
    {"-0", 0},
    {"+7", 7},
    {"12N", 12},
    {"9223372036854775807", std::numeric_limits<int64_t>::max()},
    {"-9223372036854775808", std::numeric_limits<int64_t>::min()},
    {"9223372036854775808", big("9223372036854775808")},
    {"-99999999999999999999N", big("-99999999999999999999")},
    {"+99999999999999999999", big("99999999999999999999")},
    // decimals
    {"1M", decimal{1, 0}},
    {"-1.50M", decimal{-150, 2}},
    {"0.010M", decimal{10, 3}},
    {"0M", decimal{0, 0}},
    {"1e3M", decimal{1, -3}},
    {"1.5E-3M", decimal{15, 4}},
    {"1e2147483648M", decimal{1, std::numeric_limits<int32_t>::min()}},
    // reals
    {"1.5", 1.5},
    {"-0.0", -0.0},
    {"+1.0", 1.0},
    {"1e3", 1000.0},
    {"1E+3", 1000.0},
    {"25e-1", 2.5},
    {"1e-999", 0.0},
    {"-1e-999", -0.0},
    {"##Inf", reals::infinity()},
    {"##-Inf", -reals::infinity()},
    {"##NaN", reals::quiet_NaN()},
    // characters
    {"\\a", U'a'},
    {"\\u", U'u'},
    {"\\o", U'o'},
    {"\\newline", U'\n'},
    {"\\space", U' '},
    {"\\tab", U'\t'},
    {"\\return", U'\r'},
    {"\\formfeed", U'\f'},
    {"\\backspace", U'\b'},
    {"\\u00e9", U'\u00e9'},
    {"\\o101", U'A'},
    {"\\(", U'('},
    {"\\\\", U'\\'},
    {"\\\"", U'"'},
    {"\\;", U';'},
    {"\\\xF0\x9F\x98\x80", U'\U0001F600'},
    // strings
    {R"("")", ""},
    {R"("a\tb\r\n\"\\\b\f")", "a\tb\r\n\"\\\b\f"},
    {"\"two\nlines\"", "two\nlines"},
    {R"("\u00e9")", "é"},
    {R"("\uD83D\uDE00")", "\xF0\x9F\x98\x80"},
    // keywords and symbols
    {":a", kw("a")},
    {":a/b", kw("a/b")},
    {":1", kw("1")},
    {":nil", kw("nil")},
    {":a.b/c-d", kw("a.b/c-d")},
    {"/", sym("/")},
    {"-", sym("-")},
    {"+a", sym("+a")},
    {"nil?", sym("nil?")},
    {"a.b/c*", sym("a.b/c*")},
    {"<=", sym("<=")},
    {"größe", sym("größe")},
    {"a#b:c'", sym("a#b:c'")},
    // collections
    {"[]", value::vector()},
    {"[1,2 ,3]", value::vector({1, 2, 3})},
    {"(1 (2))", value::list({1, value::list({2})})},
    {"#{1 2}", value::set({1, 2})},
    {"{:a 1, nil 2}", value::map({{kw("a"), 1}, {value{}, 2}})},
    {"[1[2]\"a\"\\b :c]",
     value::vector({1, value::vector({2}), "a", U'b', kw("c")})},
    // namespaced maps
    {"#:u{:a 1 :_/b 2 :x/c 3 d 4 _/e 5 \"s\" 6}", value::map({{kw("u/a"), 1},
                                                              {kw("b"), 2},
                                                              {kw("x/c"), 3},
                                                              {sym("u/d"), 4},
                                                              {sym("e"), 5},
                                                              {"s", 6}})},
    {"#:a.b {:c {:d 1}}",
     value::map({{kw("a.b/c"), value::map({{kw("d"), 1}})}})},
    // tags
    {"#my/tag [1]", value::tagged("my/tag", value::vector({1}))},
    {"#a #b c", value::tagged("a", value::tagged("b", sym("c")))},
    {"#a{}", value::tagged("a", value::map())},
    {"#uuid \"550E8400-e29b-41d4-a716-446655440000\"",
     *uuid::parse("550e8400-e29b-41d4-a716-446655440000")},
    {"#larder/bytes \"AAH/\"",
     bytes{std::byte{0}, std::byte{1}, std::byte{255}}},
    {"#larder/bytes \"\"", bytes{}},
    {"#larder/keyword \"a b\"", kw("a b")},
    {"#larder/symbol \"nil\"", sym("nil")},
    {"#larder/instant -99999999999999999", value::instant(-99999999999999999)},
    {"#larder/integer \"-ff\"", -255},
    {"#larder/decimal \"ff -3\"", decimal{255, -3}},
    {"#larder/tagged [\"a b\" nil]", value::tagged("a b", value{})},
    // what is skipped
    {" ,\t\r\n1 ; comment", 1},
    {"; comment\n1", 1},
    {"#_a 1", 1},
    {"1 #_ #_ 2 3", 1},
    {"[1 #_ #_ 2 3 4 #_5]", value::vector({1, 4})},
    {"[#_[1 #_2] 3]", value::vector({3})},
    {"{:a #_ 1 2}", value::map({{kw("a"), 2}})},
    {"#t #_ 1 2", value::tagged("t", 2)},
    {"[#_ #t 1 2]", value::vector({2})},
  };
  for (auto& [text, wanted] : cases) {
    auto x = read(text);
    INFO(text << " => " << to_edn(x));
    CHECK(x == wanted);
    CHECK(parse_edn(to_edn(x)) == x);
  }
}

TEST_CASE("instants read from times of RFC 3339 and the fronts of them") {
  std::pair<std::string_view, int64_t> cases[] = {
    {"1970", 0},
    {"1970-01-02", 86'400'000},
    {"1985", 473'385'600'000},
    {"1985-04", 481'161'600'000},
    {"1985-04-12T23", 482'194'800'000},
    {"1985-04-12T23:20", 482'196'000'000},
    {"1985-04-12T23:20:50", 482'196'050'000},
    {"1985-04-12T23:20:50.52Z", 482'196'050'520},
    {"1985-04-12T23:20:50.5209999-00:00", 482'196'050'520},
    {"1996-12-19T16:39:57-08:00", 851'042'397'000},
    {"1985+01:00", 473'382'000'000},
    {"1985-08:00", 473'414'400'000},
    {"1969-12-31T23:59:59.999Z", -1},
    {"2000-02-29", 951'782'400'000},
    {"2016-12-31T23:59:60Z", 1'483'228'800'000},
    {"0000-01-01T00:00:00.000-00:00", -62'167'219'200'000},
    {"9999-12-31T23:59:59.999-00:00", 253'402'300'799'999},
  };
  for (auto& [text, ms] : cases) {
    INFO(text);
    CHECK(read("#inst \"" + std::string{text} + '"') == value::instant(ms));
  }
  for (auto text : {"", "85", "1985-", "1985-13", "1985-02-29", "1985-04-12T",
                    "1985-04-12T24", "1985-04-12T23:60", "1985-04-12T23:20:61",
                    "1985-04-12T23:20:60Z", "1985-04-12T23:20:50.",
                    "1985-04-12T23:20:50.5x", "1985-04-12T23:20+25:00",
                    "1985-04-12 23:20", "-985", "1985ZZ", "1985-04-12T23:20:5"})
    CHECK(message_of("#inst \"" + std::string{text} + '"').find("RFC 3339")
          != std::string::npos);
}

TEST_CASE("what is no EDN is refused with line and column") {
  std::pair<std::string_view, std::string_view> cases[] = {
    {"", "1, column 1: there is no value"},
    {"  #_ 1 ", "1, column 8: there is no value"},
    {"1 2", "1, column 2: another value"},
    {"[1\n 2", "1, column 1: what begins here is not closed"},
    {"[1\n  )", "2, column 3: `)` where `]`"},
    {"{1 2]", "1, column 5: `]` where `}`"},
    {"\"ü\" ]", "1, column 5: nothing is open"},
    {"{:a}", "1, column 1: the last key of the map has no value"},
    {"[{:a 1 :a 2}]", "1, column 2: the map has the key `:a` twice"},
    {"#:b{:a 1 :b/a 2}", "the map has the key `:b/a` twice"},
    {"#{1 2 1}", "the set has the item `1` twice"},
    {"#{[] ()}", "parsed"},
    {"01", "`01` is no number"},
    {"1.", "`1.` is no number"},
    {"1.e5", "no number"},
    {"1e", "no number"},
    {"1.5N", "no number"},
    {"1/2", "no number"},
    {"0x1F", "no number"},
    {"1a", "no number"},
    {"-1a", "no number"},
    {"+-1", "parsed as +-1"},
    {".5", "`.5` is no symbol"},
    {"1e999", "too large for a double"},
    {"-1e999", "too large for a double"},
    {"1e2147483649M", "exponent of a decimal"},
    {"1e99999999999999999999999M", "exponent of a decimal"},
    {"::a", "`::a` is no keyword"},
    {":", "no keyword"},
    {":/", "no keyword"},
    {":a/", "no keyword"},
    {":a/1", "no keyword"},
    {"a/b/c", "no symbol"},
    {"a/", "no symbol"},
    {"/a", "no symbol"},
    {"a|b", "no symbol"},
    {"a\x01", "no symbol"},
    {"a\xFF", "no symbol"},
    {"\xC2\xA0", "no symbol"},
    {"'a", "no part of EDN"},
    {"`a", "no part of EDN"},
    {"~a", "no part of EDN"},
    {"@a", "no part of EDN"},
    {"[1 ^:a b]", "1, column 4: metadata (^)"},
    {"#^:a b", "metadata (^)"},
    {"#\"a\"", "regular expressions"},
    {"\"abc", "1, column 1: the string is not closed"},
    {"\"abc\\", "the string is not closed"},
    {"\"a\\x\"", "1, column 3: strings have no such escape"},
    {"\"\\u12\"", "four hexadecimal digits"},
    {"\"\\uD83D\"", "half of a surrogate pair"},
    {"\"\\uDE00\\uD83D\"", "half of a surrogate pair"},
    {"\"\\uD83D\\u0041\"", "half of a surrogate pair"},
    {"\"\xFF\"", "the string is not UTF-8"},
    {"\\", "needs a character"},
    {"\\ ", "needs a character"},
    {"\\ab", "`\\ab` is no character"},
    {"\\uD800", "no character"},
    {"\\u12345", "no character"},
    {"\\o400", "no character"},
    {"\\o9", "no character"},
    {"##Infinity", "none of ##Inf"},
    {"#", "is no tag"},
    {"# a 1", "is no tag"},
    {"#1 2", "is no tag"},
    {"#nil 2", "is no tag"},
    {"#a", "1, column 1: a tag needs a value"},
    {"[#a]", "1, column 2: a tag needs a value"},
    {"[#_]", "1, column 2: #_ needs a value"},
    {"#_", "#_ needs a value"},
    {"#:a/b{}", "does not name the namespace"},
    {"#::{:a 1}", "does not name the namespace"},
    {"#:a [1]", "needs a map behind it"},
    {"#inst 1985", "#inst needs a string"},
    {"#uuid \"550e8400\"", "#uuid needs a string with a UUID"},
    {"#larder/nothing 1", "#larder/nothing is reserved"},
    {"#larder/bytes \"A\"", "#larder/bytes needs a string in base 64"},
    {"#larder/bytes \"AAF=\"", "#larder/bytes needs a string in base 64"},
    {"#larder/bytes \"AA==AA==\"", "#larder/bytes needs a string in base 64"},
    {"#larder/bytes \" AAE=\"", "#larder/bytes needs a string in base 64"},
    {"#larder/bytes [1]", "#larder/bytes needs a string"},
    {"#larder/keyword a", "#larder/keyword needs a string"},
    {"#larder/instant 1.5", "#larder/instant needs an integer"},
    {"#larder/integer \"xyz\"", "#larder/integer needs"},
    {"#larder/integer \"\"", "#larder/integer needs"},
    {"#larder/decimal \"ff\"", "#larder/decimal needs"},
    {"#larder/decimal \"ff 99999999999\"", "#larder/decimal needs"},
    {"#larder/tagged [a 1]", "#larder/tagged needs a vector"},
    {"#larder/tagged [\"inst\" 1]", "#larder/tagged needs a vector"},
  };
  for (auto& [text, wanted] : cases) {
    auto message = message_of(text);
    INFO(text << " => " << message);
    CHECK(message.find(wanted) != std::string::npos);
  }
}

TEST_CASE("values are read one by one from the front of a text") {
  std::string_view text = "1 [2] ; three\n3 #_4 #_5\n";
  CHECK(parse_edn_prefix(text) == value{1});
  CHECK(parse_edn_prefix(text) == value::vector({2}));
  CHECK(parse_edn_prefix(text) == value{3});
  CHECK(parse_edn_prefix(text).error() == errc::not_found);
  CHECK(text.empty());
  std::string_view bad = "[1";
  CHECK(parse_edn_prefix(bad).error() == errc::parse_error);
  CHECK(bad == "[1");
}

// -- limits -------------------------------------------------------------------

TEST_CASE("EDN nested deeper than the limit is refused however it is nested") {
  constexpr size_t n = 1'000'000;
  for (auto opener : {"[", "(", "{", "#{", "#a ", "#a/b[", "{1 ", "#_[",
                      "#inst ", "#inst #_", "#:a{:b "}) {
    INFO(opener);
    CHECK(parse_edn(repeat(opener, n)).error() == errc::limit_exceeded);
  }
  limits lim;
  lim.max_depth = 2;
  CHECK(parse_edn("[[#inst \"1985\"] #_[1] #{1}]", lim).has_value());
  CHECK(parse_edn("[[[]]]", lim).error() == errc::limit_exceeded);
  CHECK(parse_edn("[#a #b 1]", lim).error() == errc::limit_exceeded);
  CHECK(parse_edn("#larder/tagged [\"\" [1]]", lim).has_value());
  lim.max_depth = 0;
  CHECK(parse_edn("#_ 1 #inst #_ 2 \"1985\"", lim).has_value());
  CHECK(parse_edn("[]", lim).error() == errc::limit_exceeded);
}

TEST_CASE("discard marks may follow each other without end") {
  constexpr size_t n = 100'000;
  CHECK(read(repeat("#_ ", n) + repeat("1 ", n) + "2") == value{2});
}

TEST_CASE("EDN longer than the limit is refused") {
  limits lim;
  lim.max_value_size = 10;
  CHECK(parse_edn("[1 2 3 4]", lim).has_value());
  CHECK(parse_edn("[1 2 3 4 5 6]", lim).error() == errc::limit_exceeded);
}

TEST_CASE("numbers with too many digits are refused, huge exponents cheap") {
  std::string digits(10'000'000, '7');
  for (auto suffix : {"", "N", "M"})
    CHECK(parse_edn(digits + suffix).error() == errc::limit_exceeded);
  CHECK(parse_edn("0." + digits + "M").error() == errc::limit_exceeded);
  auto x = read("1e999999999M");
  CHECK(x == value{decimal{1, -999999999}});
  CHECK(to_edn(x) == "1E+999999999M");
}

TEST_CASE("numbers with more digits than a reader accepts print in another "
          "base") {
  cpp_int digits = (cpp_int{1} << 400'000) + 5;
  for (auto& x : {value{big_integer{digits}}, value{big_integer{-digits}},
                  value{decimal{digits, -7}}, value{decimal{-digits, 7}}}) {
    auto text = to_edn(x);
    CHECK(text.starts_with("#larder/"));
    CHECK(parse_edn(text) == x);
  }
}

// -- printing -----------------------------------------------------------------

TEST_CASE("values print in the usual forms of EDN") {
  using reals = std::numeric_limits<double>;
  std::pair<value, std::string_view> cases[] = {
    {value{}, "nil"},
    {true, "true"},
    {-5, "-5"},
    {big("99999999999999999999"), "99999999999999999999N"},
    {1.0, "1.0"},
    {0.1, "0.1"},
    {-0.0, "-0.0"},
    {1e100, "1e+100"},
    {reals::denorm_min(), "5e-324"},
    {reals::infinity(), "##Inf"},
    {-reals::infinity(), "##-Inf"},
    {reals::quiet_NaN(), "##NaN"},
    {decimal{1230, 2}, "12.30M"},
    {decimal{0, 2}, "0.00M"},
    {decimal{-5, 3}, "-0.005M"},
    {decimal{15, -6}, "1.5E+7M"},
    {decimal{1, 10}, "1E-10M"},
    {U'a', "\\a"},
    {U' ', "\\space"},
    {U'\u00A0', "\\u00a0"},
    {U'\0', "\\u0000"},
    {U'\U0001F600', "\\\xF0\x9F\x98\x80"},
    {"a\"b\\c\n\x01\x7F é", "\"a\\\"b\\\\c\\n\\u0001\\u007f é\""},
    {"\xC2\x9B", "\"\\u009b\""},
    {kw("a/b"), ":a/b"},
    {kw(""), "#larder/keyword \"\""},
    {kw("a b"), "#larder/keyword \"a b\""},
    {kw(":a"), "#larder/keyword \":a\""},
    {sym("a/b"), "a/b"},
    {sym("true"), "#larder/symbol \"true\""},
    {sym("1"), "#larder/symbol \"1\""},
    {bytes{std::byte{255}}, "#larder/bytes \"/w==\""},
    {uuid{}, "#uuid \"00000000-0000-0000-0000-000000000000\""},
    {value::instant(0), "#inst \"1970-01-01T00:00:00.000-00:00\""},
    {value::instant(253'402'300'800'000), "#larder/instant 253402300800000"},
    {value::vector({1, value::list({2})}), "[1 (2)]"},
    {value::set({3, 1, 2}), "#{1 2 3}"},
    {value::map({{kw("b"), 2}, {kw("a"), 1}}), "{:a 1, :b 2}"},
    {value::tagged("a/b", value::vector()), "#a/b []"},
    {value::tagged("", 1), "#larder/tagged [\"\" 1]"},
  };
  for (auto& [x, wanted] : cases) {
    CHECK(to_edn(x) == wanted);
    CHECK(parse_edn(wanted) == x);
  }
}

TEST_CASE("every value survives printing and reading as EDN") {
  rc::prop("reading what was printed gives an equal value",
           [](const value& x) { RC_ASSERT(parse_edn(to_edn(x)) == x); });
  rc::prop("equal values print equally, different ones differently",
           [](const value& x, const value& y) {
             RC_ASSERT((x == y) == (to_edn(x) == to_edn(y)));
           });
  rc::prop("what the generator makes is fit for text",
           [](const value& x) { RC_ASSERT(check_text(x).has_value()); });
}

TEST_CASE("reading any text gives a value or an error") {
  rc::prop("text made of EDN's characters", [] {
    auto text = *rc::gen::container<std::string>(
      rc::gen::elementOf(std::string{"[](){}#_\"\\:/^'1-+.eMN ,;\nabnilu"}));
    if (auto x = parse_edn(text))
      RC_ASSERT(parse_edn(to_edn(*x)) == *x);
  });
}

TEST_CASE("values of any depth print without deep recursion") {
  constexpr size_t n = 1'000'000;
  value x;
  for (size_t i = 0; i < n; ++i)
    x = value::vector({std::move(x)});
  CHECK(to_edn(x) == repeat("[", n) + "nil" + repeat("]", n));
}

TEST_CASE("text that is not UTF-8 is found at any depth") {
  CHECK(check_text(value::vector({"é"})).has_value());
  value cases[] = {"\xFF", kw("\xFF"), sym("\xFF"), value{char32_t{0xD800}},
                   value::tagged("\xFF", 1)};
  for (auto& x : cases) {
    for (auto& y :
         {x, value::vector({x}), value::set({x}), value::map({{x, 1}}),
          value::map({{1, x}}), value::tagged("a", x)})
      CHECK(check_text(y).error() == errc::invalid_argument);
    CHECK(is_utf8(to_edn(x)));
  }
  limits lim;
  lim.max_depth = 1;
  CHECK(check_text(value::vector({value::list()}), lim).error()
        == errc::limit_exceeded);
}

// -- real data ----------------------------------------------------------------

TEST_CASE("what Clojure printed reads, and survives printing") {
  auto path = LARDER_SOURCE_DIR "/../shared/fixtures/konserve/values.edn";
  if (!std::filesystem::exists(path)) {
    WARN("skipped: there is no " << path);
    return;
  }
  std::ifstream in{path};
  size_t count = 0;
  // Each line has the name of a file, a key and a value.
  for (std::string name, line; in >> name && std::getline(in, line); ++count) {
    INFO(line);
    if (line.find("#object[") != std::string::npos)
      continue; // Clojure's last resort, which no reader takes
    std::string_view rest = line;
    for (auto part : {"key", "value"}) {
      INFO(part);
      auto x = parse_edn_prefix(rest);
      REQUIRE(x.has_value());
      CHECK(parse_edn(to_edn(*x)) == *x);
    }
    CHECK(parse_edn_prefix(rest).error() == errc::not_found);
  }
  CHECK(count == 45);
}

TEST_CASE("the serializer edn refuses characters that are no code points") {
  codec_registry codecs;
  auto edn = *codecs.find_serializer("edn");
  for (auto x : {char32_t{0xD800}, char32_t{0xDFFF}, char32_t{0x110000}}) {
    bytes out;
    auto res = edn->encode(value::vector({value{x}}), out, {});
    REQUIRE(!res);
    CHECK(res.error() == errc::invalid_argument);
    CHECK(out.empty());
  }
}
