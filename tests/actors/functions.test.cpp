// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/functions.hpp"

#include "larder/text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace larder;

namespace {

constexpr std::string_view nothing = "";

value edn(std::string_view text) {
  auto result = parse_edn(text);
  REQUIRE(result);
  return *result;
}

/// Runs a function; everything is EDN, an old value without text is missing.
/// Returns the result or "!" and the name of the error.
std::string run(const std::string& name, std::string_view old,
                std::initializer_list<std::string_view> args = {}) {
  function_registry functions;
  auto f = functions.find(name);
  REQUIRE(f);
  std::vector<value> arguments;
  for (auto arg : args)
    arguments.push_back(edn(arg));
  value before;
  if (!old.empty())
    before = edn(old);
  auto result = (**f)(old.empty() ? nullptr : &before, arguments);
  if (!result)
    return "!" + std::string{to_string(result.error().code())};
  return to_edn(*result);
}

/// One value of every kind.
const std::vector<std::string_view> all_kinds
  = {"nil",
     "true",
     "7",
     "12345678901234567890",
     "1.5",
     "2.5M",
     "\\a",
     "\"text\"",
     ":keyword",
     "symbol",
     "#larder/bytes \"AAE=\"",
     "#uuid \"00000000-0000-4000-8000-000000000000\"",
     "#inst \"2026-01-02T03:04:05.678Z\"",
     "[1 2]",
     "(1 2)",
     "#{1 2}",
     "{:a 1}",
     "#my/tag 1"};

/// Checks that `name` refuses all old values but those of the given kinds.
void check_refused(const std::string& name,
                   std::initializer_list<std::string_view> args,
                   const std::vector<value::kind>& accepted) {
  for (auto text : all_kinds) {
    auto kind = edn(text).type();
    if (std::find(accepted.begin(), accepted.end(), kind) != accepted.end())
      continue;
    CAPTURE(name, text);
    CHECK(run(name, text, args) == "!wrong_type");
  }
}

using kind = value::kind;

const std::vector<kind> numbers
  = {kind::integer, kind::big_integer, kind::real, kind::decimal};

} // namespace

// -- numbers ------------------------------------------------------------------

TEST_CASE("inc, dec and add start from 0 where nothing is") {
  CHECK(run("inc", nothing) == "1");
  CHECK(run("dec", nothing) == "-1");
  CHECK(run("inc", nothing, {"5"}) == "5");
  CHECK(run("dec", nothing, {"5"}) == "-5");
  CHECK(run("add", nothing, {"5"}) == "5");
  CHECK(run("add", nothing, {"1.5"}) == "1.5");
}

TEST_CASE("a stored nil is a value and no number") {
  CHECK(run("inc", "nil") == "!wrong_type");
  CHECK(run("add", "nil", {"1"}) == "!wrong_type");
}

TEST_CASE("inc and dec add and subtract one or their argument") {
  CHECK(run("inc", "41") == "42");
  CHECK(run("dec", "43") == "42");
  CHECK(run("inc", "40", {"2"}) == "42");
  CHECK(run("dec", "40", {"-2"}) == "42");
  CHECK(run("inc", "0.5") == "1.5");
  CHECK(run("inc", "0.50M") == "1.50M");
}

TEST_CASE("add sums up from left to right") {
  CHECK(run("add", "1", {"2", "3", "4"}) == "10");
  CHECK(run("add", "1", {"2.5", "1M"}) == "4.5");
}

TEST_CASE("integers that overflow are an error, not a wrong number") {
  CHECK(run("inc", "9223372036854775807") == "!out_of_range");
  CHECK(run("dec", "-9223372036854775808") == "!out_of_range");
  CHECK(run("inc", "-9223372036854775808", {"-1"}) == "!out_of_range");
  CHECK(run("dec", "0", {"-9223372036854775808"}) == "!out_of_range");
  CHECK(run("add", "9223372036854775806", {"1"}) == "9223372036854775807");
  // Each step must fit, not only the sum.
  CHECK(run("add", "9223372036854775807", {"1", "-1"}) == "!out_of_range");
}

TEST_CASE("big integers grow and shrink without bounds") {
  CHECK(run("inc", "9223372036854775808") == "9223372036854775809N");
  CHECK(run("dec", "9223372036854775808") == "9223372036854775807");
  CHECK(edn(run("dec", "9223372036854775808")).is(kind::integer));
  CHECK(run("add", "9223372036854775807", {"9223372036854775808"})
        == "18446744073709551615N");
  CHECK(run("add", "123456789012345678901", {"-123456789012345678901"}) == "0");
}

TEST_CASE("decimals add exactly, with the larger scale") {
  CHECK(run("add", "0.1M", {"0.2M"}) == "0.3M");
  CHECK(run("add", "1.10M", {"1M"}) == "2.10M");
  CHECK(run("add", "1", {"0.25M"}) == "1.25M");
  CHECK(run("dec", "1.00M", {"0.01M"}) == "0.99M");
  CHECK(run("add", "12345678901234567890", {"0.5M"})
        == "12345678901234567890.5M");
  CHECK(run("add", "1E+20000M", {"1E-20000M"}) == "!limit_exceeded");
}

TEST_CASE("a real makes the sum real") {
  CHECK(run("add", "1", {"0.5"}) == "1.5");
  CHECK(run("add", "0.5M", {"0.25"}) == "0.75");
  CHECK(run("add", "12345678901234567890", {"0.0"})
        == to_edn(value{12345678901234567890.0}));
  CHECK(run("add", "1.0", {"##Inf"}) == "##Inf");
  CHECK(run("add", "##Inf", {"##-Inf"}) == "##NaN");
  CHECK(run("inc", "##NaN") == "##NaN");
}

TEST_CASE("a decimal becomes the nearest real") {
  CHECK(run("add", "0.3M", {"0.0"}) == "0.3");
  CHECK(run("add", "1.1M", {"0.0"}) == "1.1");
  CHECK(run("add", "123456789.123456789M", {"0.0"})
        == to_edn(value{123456789.123456789}));
  CHECK(run("add", "0E-400M", {"1.0"}) == "1.0");
  CHECK(run("add", "0E+400M", {"1.0"}) == "1.0");
  CHECK(run("add", "1E+400M", {"1.0"}) == "##Inf");
  CHECK(run("add", "1E-400M", {"1.0"}) == "1.0");
}

TEST_CASE("arithmetic refuses what is no number") {
  check_refused("inc", {}, numbers);
  check_refused("dec", {}, numbers);
  check_refused("add", {"1"}, numbers);
  CHECK(run("inc", "1", {"\"1\""}) == "!wrong_type");
  CHECK(run("add", "1", {"1", "nil"}) == "!wrong_type");
}

// -- comparing ----------------------------------------------------------------

TEST_CASE("min and max take the first argument where nothing is") {
  CHECK(run("min", nothing, {"3"}) == "3");
  CHECK(run("max", nothing, {"3", "5", "4"}) == "5");
  CHECK(run("min", nothing, {"3", "1", "4"}) == "1");
}

TEST_CASE("numbers compare by size whatever their kinds") {
  CHECK(run("max", "1", {"1.5"}) == "1.5");
  CHECK(run("max", "2", {"1.5"}) == "2");
  CHECK(run("min", "1", {"0.5M"}) == "0.5M");
  CHECK(run("max", "9223372036854775807", {"9223372036854775808"})
        == "9223372036854775808N");
  // As reals these two would be equal.
  CHECK(run("max", "9007199254740992.0", {"9007199254740993"})
        == "9007199254740993");
  CHECK(run("max", "0.1M", {"0.1"}) == "0.1");
  CHECK(run("max", "1", {"##Inf"}) == "##Inf");
  CHECK(run("min", "1", {"##-Inf"}) == "##-Inf");
}

TEST_CASE("of equal numbers the one that is there stays") {
  CHECK(run("max", "1", {"1.0", "1M"}) == "1");
  CHECK(run("min", "1.0", {"1"}) == "1.0");
}

TEST_CASE("NaN is greater than all other numbers") {
  CHECK(run("max", "1", {"##NaN"}) == "##NaN");
  CHECK(run("max", "##NaN", {"##Inf"}) == "##NaN");
  CHECK(run("min", "##NaN", {"##Inf"}) == "##Inf");
  CHECK(run("min", "##NaN", {"5"}) == "5");
  CHECK(run("min", "##NaN", {"##NaN"}) == "##NaN");
}

TEST_CASE("values other than numbers compare with their own kind only") {
  CHECK(run("max", "\"b\"", {"\"a\"", "\"c\""}) == "\"c\"");
  CHECK(run("min", "[2 1]", {"[1 9]"}) == "[1 9]");
  CHECK(run("max", "#inst \"2026-01-01T00:00:00.000Z\"",
            {"#inst \"2025-01-01T00:00:00.000Z\""})
        == to_edn(edn("#inst \"2026-01-01T00:00:00.000Z\"")));
  CHECK(run("max", "\"b\"", {"1"}) == "!wrong_type");
  CHECK(run("max", "1", {":a"}) == "!wrong_type");
  CHECK(run("max", "nil", {"1"}) == "!wrong_type");
  CHECK(run("min", "[1]", {"(1)"}) == "!wrong_type");
  check_refused("min", {"1"}, numbers);
}

// -- collections --------------------------------------------------------------

TEST_CASE("conj adds where each collection grows") {
  CHECK(run("conj", nothing, {"1", "2"}) == "[1 2]");
  CHECK(run("conj", "[1]", {"2", "3"}) == "[1 2 3]");
  CHECK(run("conj", "(1)", {"2", "3"}) == "(3 2 1)");
  CHECK(run("conj", "#{1}", {"1", "2"}) == "#{1 2}");
  CHECK(run("conj", "{:a 1}", {"[:b 2]", "{:a 3, :c 4}"})
        == to_edn(edn("{:a 3, :b 2, :c 4}")));
}

TEST_CASE("conj refuses what does not fit into a map or is no collection") {
  CHECK(run("conj", "{:a 1}", {"[:b]"}) == "!wrong_type");
  CHECK(run("conj", "{:a 1}", {"5"}) == "!wrong_type");
  check_refused("conj", {"[1 2]"},
                {kind::vector, kind::list, kind::set, kind::map});
}

TEST_CASE("disj removes items of a set, there or not") {
  CHECK(run("disj", "#{1 2 3}", {"2", "9"}) == "#{1 3}");
  CHECK(run("disj", nothing, {"1"}) == "!not_found");
  check_refused("disj", {"1"}, {kind::set});
}

TEST_CASE("assoc sets entries of a map and items of a vector") {
  CHECK(run("assoc", nothing, {":a", "1"}) == "{:a 1}");
  CHECK(run("assoc", "{:a 1}", {":a", "2", ":b", "3"})
        == to_edn(edn("{:a 2, :b 3}")));
  CHECK(run("assoc", "[1 2]", {"0", "9"}) == "[9 2]");
  CHECK(run("assoc", "[1 2]", {"2", "3", "3", "4"}) == "[1 2 3 4]");
}

TEST_CASE("assoc refuses half pairs, gaps and other kinds") {
  CHECK(run("assoc", "{}", {":a", "1", ":b"}) == "!invalid_argument");
  CHECK(run("assoc", "[1 2]", {"3", "0"}) == "!out_of_range");
  CHECK(run("assoc", "[1 2]", {"-1", "0"}) == "!out_of_range");
  CHECK(run("assoc", "[1 2]", {":a", "0"}) == "!wrong_type");
  check_refused("assoc", {":a", "1"}, {kind::map});
}

TEST_CASE("dissoc removes entries of a map, there or not") {
  CHECK(run("dissoc", "{:a 1, :b 2}", {":a", ":z"}) == "{:b 2}");
  CHECK(run("dissoc", nothing, {":a"}) == "!not_found");
  check_refused("dissoc", {":a"}, {kind::map});
}

TEST_CASE("merge goes into maps at every depth, the last one wins") {
  CHECK(run("merge", nothing, {"{:a 1}"}) == "{:a 1}");
  CHECK(
    run("merge", "{:a {:b {:c 1, :d 2}}, :e 3}", {"{:a {:b {:c 9}}}", "{:e 4}"})
    == to_edn(edn("{:a {:b {:c 9, :d 2}}, :e 4}")));
  CHECK(run("merge", "{:a {:b 1}}", {"{:a 2}"}) == "{:a 2}");
  CHECK(run("merge", "{:a 2}", {"{:a {:b 1}}"}) == "{:a {:b 1}}");
  CHECK(run("merge", "{:a 1}", {"{:a nil}"}) == "{:a nil}");
  CHECK(run("merge", "{:a [1 2]}", {"{:a [3]}"}) == "{:a [3]}");
  CHECK(run("merge", "{:a 1}", {"[1]"}) == "!wrong_type");
  check_refused("merge", {"{}"}, {kind::map});
}

TEST_CASE("merge refuses maps nested too deeply") {
  auto deep = value::map();
  for (auto i = 0; i < 1000; ++i)
    deep = value::map({{1, std::move(deep)}});
  function_registry functions;
  auto f = functions.find("merge");
  REQUIRE(f);
  std::vector<value> args{deep, deep};
  auto result = (**f)(nullptr, args);
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::limit_exceeded);
}

TEST_CASE("union makes one set of sets, vectors and lists") {
  CHECK(run("union", nothing, {"[1 2 1]"}) == "#{1 2}");
  CHECK(run("union", "#{1}", {"#{2}", "[3]", "(4 1)"}) == "#{1 2 3 4}");
  CHECK(run("union", "#{1}", {"{:a 1}"}) == "!wrong_type");
  CHECK(run("union", "#{1}", {"2"}) == "!wrong_type");
  check_refused("union", {"#{1}"}, {kind::set});
}

TEST_CASE("append joins sequences of the same kind") {
  CHECK(run("append", nothing, {"\"ab\"", "\"c\""}) == "\"abc\"");
  CHECK(run("append", "\"ab\"", {"\"cd\"", "\"e\""}) == "\"abcde\"");
  CHECK(run("append", "[1]", {"[2 3]", "[]"}) == "[1 2 3]");
  CHECK(run("append", "(1)", {"(2)"}) == "(1 2)");
  CHECK(run("append", "#larder/bytes \"AAE=\"", {"#larder/bytes \"Ag==\""})
        == "#larder/bytes \"AAEC\"");
  CHECK(run("append", "[1]", {"(2)"}) == "!wrong_type");
  CHECK(run("append", "\"a\"", {"1"}) == "!wrong_type");
  CHECK(run("append", nothing, {"1"}) == "!wrong_type");
  check_refused("append", {"\"x\""}, {kind::string});
}

// -- others -------------------------------------------------------------------

TEST_CASE("toggle turns a boolean round and makes true of nothing") {
  CHECK(run("toggle", nothing) == "true");
  CHECK(run("toggle", "true") == "false");
  CHECK(run("toggle", "false") == "true");
  check_refused("toggle", {}, {kind::boolean});
}

TEST_CASE("swap-if replaces only the value that is expected") {
  CHECK(run("swap-if", "1", {"1", "2"}) == "2");
  CHECK(run("swap-if", "nil", {"nil", "2"}) == "2");
  CHECK(run("swap-if", "1", {"3", "2"}) == "!precondition_failed");
  CHECK(run("swap-if", "1", {"1.0", "2"}) == "!precondition_failed");
  CHECK(run("swap-if", nothing, {"nil", "2"}) == "!precondition_failed");
}

TEST_CASE("every function refuses wrong numbers of arguments") {
  auto arity_of = [](const std::string& name) -> std::pair<size_t, size_t> {
    if (name == "inc" || name == "dec")
      return {0, 1};
    if (name == "toggle")
      return {0, 0};
    if (name == "swap-if")
      return {2, 2};
    return {name == "assoc" ? 2 : 1, 100};
  };
  function_registry functions;
  for (auto& name : functions.names()) {
    CAPTURE(name);
    auto f = functions.find(name);
    REQUIRE(f);
    auto [least, most] = arity_of(name);
    auto call = [&](size_t n) {
      return (**f)(nullptr, std::vector<value>(n, value{1}));
    };
    if (least > 0) {
      auto result = call(least - 1);
      REQUIRE_FALSE(result);
      CHECK(result.error() == errc::invalid_argument);
    }
    if (most < 100) {
      auto result = call(most + 1);
      REQUIRE_FALSE(result);
      CHECK(result.error() == errc::invalid_argument);
    }
    auto fitting = call(least);
    CHECK((fitting || fitting.error() != errc::invalid_argument));
  }
}

TEST_CASE("a function leaves its old value and its arguments alone") {
  function_registry functions;
  for (auto& name : functions.names())
    for (auto text : all_kinds) {
      auto old = edn(text);
      auto copy = edn(text);
      std::vector<value> args{edn("[1 2]"), edn("[3]")};
      auto args_before = args;
      static_cast<void>((**functions.find(name))(&old, args));
      CAPTURE(name, text);
      CHECK(old == copy);
      CHECK(args == args_before);
    }
}

// -- the registry -------------------------------------------------------------

TEST_CASE("the registry lists the built-in functions in order") {
  CHECK(function_registry{}.names()
        == std::vector<std::string>{"add", "append", "assoc", "conj", "dec",
                                    "disj", "dissoc", "inc", "max", "merge",
                                    "min", "swap-if", "toggle", "union"});
}

TEST_CASE("a function of one's own is found by its name") {
  function_registry functions;
  REQUIRE(functions.add("answer", [](const value*, std::span<const value>) {
    return expected<value>{42};
  }));
  auto f = functions.find("answer");
  REQUIRE(f);
  CHECK((**f)(nullptr, {}) == value{42});
}

TEST_CASE("no function replaces another") {
  function_registry functions;
  auto result = functions.add("inc", [](auto...) { return value{}; });
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::already_exists);
  CHECK(run("inc", "1") == "2");
}

TEST_CASE("a function must have a name and something to call") {
  function_registry functions;
  auto nameless = functions.add("", [](auto...) { return value{}; });
  REQUIRE_FALSE(nameless);
  CHECK(nameless.error() == errc::invalid_argument);
  auto empty = functions.add("empty", nullptr);
  REQUIRE_FALSE(empty);
  CHECK(empty.error() == errc::invalid_argument);
}

TEST_CASE("a name that is not known is answered with those that are") {
  function_registry functions;
  auto result = functions.find("incr");
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::unknown_function);
  CHECK(result.error().message().find("incr") != std::string::npos);
  for (auto& name : functions.names())
    CHECK(result.error().message().find(name) != std::string::npos);
}
