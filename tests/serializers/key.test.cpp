// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/key.hpp"

#include "serializers/arbitrary_value.hpp"

#include "larder/limits.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

using namespace larder;

TEST_CASE("text keys keep their characters behind a mark, others are EDN") {
  std::pair<value, std::string_view> cases[] = {
    {"", "\""},
    {"a\"b\n", "\"a\"b\n"},
    {value::keyword("a b"), ":a b"},
    {value::symbol("nil"), "'nil"},
    {value{}, "nil"},
    {-5, "-5"},
    {1.0, "1.0"},
    {U'"', "\\\""},
    {value::vector({"a", 1}), "[\"a\" 1]"},
    {value::set({2, 1}), "#{1 2}"},
    {value::instant(0), "#inst \"1970-01-01T00:00:00.000-00:00\""},
  };
  for (auto& [key, wanted] : cases) {
    CHECK(encode_key(key) == std::string{wanted});
    CHECK(decode_key(wanted) == key);
  }
}

TEST_CASE("every key survives encoding, and no two share one") {
  rc::prop("decoding gives the key",
           [](const value& x) { RC_ASSERT(decode_key(*encode_key(x)) == x); });
  rc::prop("different keys have different encodings",
           [](const value& x, const value& y) {
             RC_ASSERT((x == y) == (encode_key(x) == encode_key(y)));
           });
}

TEST_CASE("bytes that no key has are corrupt") {
  for (std::string_view encoded : {"",
                                   " 1",
                                   "1 ",
                                   "01",
                                   "+1",
                                   "1N",
                                   "[1,2]",
                                   "[1  2]",
                                   "{:b 1, :a 2}",
                                   "#{2 1}",
                                   "[",
                                   "1 2",
                                   "1e1",
                                   "abc",
                                   "\\u0061",
                                   "#inst \"1985\"",
                                   "#larder/keyword \"a\"",
                                   "#larder/symbol \"a\"",
                                   "#larder/bytes \"A\"",
                                   "#_1 2",
                                   "nil;",
                                   "\"\xFF",
                                   ":\xFF",
                                   "'\xFF",
                                   "#larder/integer \"1\""}) {
    INFO(encoded);
    CHECK(decode_key(encoded).error() == errc::corruption);
  }
}

TEST_CASE("keys that could not be read back are refused") {
  CHECK(encode_key("\xFF").error() == errc::invalid_argument);
  CHECK(encode_key(value::vector({value::keyword("\xFF")})).error()
        == errc::invalid_argument);
  value deep;
  for (size_t i = 0; i < limits{}.max_depth; ++i)
    deep = value::vector({deep});
  CHECK(decode_key(*encode_key(deep)) == deep);
  CHECK(encode_key(value::vector({deep})).error() == errc::limit_exceeded);
}

TEST_CASE("the prefix of a text key is a prefix of its encoding") {
  CHECK(encode_key_prefix("us") == std::string{"\"us"});
  CHECK(encode_key_prefix(value::keyword("user/")) == std::string{":user/"});
  CHECK(encode_key_prefix(value::symbol("")) == std::string{"'"});
  for (auto& x : {value{1}, value{}, value::vector(), value{U'a'}})
    CHECK(encode_key_prefix(x).error() == errc::invalid_argument);
  CHECK(encode_key_prefix("\xFF").error() == errc::invalid_argument);
  rc::prop(
    "a key has the prefix exactly if its kind and text have it",
    [](const value& key) {
      for (auto& prefix :
           {value{"a"}, value::keyword("a"), value::symbol("a"), value{""}}) {
        auto is_text = key.type() == prefix.type();
        auto wanted = is_text
                      && key.as_string().starts_with(prefix.as_string());
        RC_ASSERT(encode_key(key)->starts_with(*encode_key_prefix(prefix))
                  == wanted);
      }
    });
}

TEST_CASE("no key is hidden") {
  CHECK(is_hidden_key(std::string_view{"\0S", 2}));
  CHECK_FALSE(is_hidden_key(""));
  CHECK_FALSE(is_hidden_key(*encode_key(std::string(1, '\0'))));
  rc::prop("whatever its value",
           [](const value& x) { RC_ASSERT(!is_hidden_key(*encode_key(x))); });
}
