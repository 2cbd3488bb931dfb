// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metadata.hpp"

#include "serializers/arbitrary_value.hpp"

#include "larder/text.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

using namespace larder;

namespace {

value edn(std::string_view text) {
  auto x = parse_edn(text);
  INFO(text);
  REQUIRE(x.has_value());
  return *x;
}

metadata example() {
  metadata x;
  x.key = "k";
  x.type = content_type::binary;
  x.last_write = 1;
  x.extras = edn("{:owner \"me\"}");
  x.rev = *revision::parse("000102030405060708090a0b0c0d0e0f");
  x.expiry = 2;
  return x;
}

} // namespace

TEST_CASE("metadata is stored as konserve stores it") {
  CHECK(example().stored_form() == edn(R"({:key "k", :type :binary, :owner "me",
                   :last-write #inst "1970-01-01T00:00:00.001Z"})"));
}

TEST_CASE("metadata for people has revision and expiry if there are any") {
  CHECK(example().to_value() == edn(R"({:key "k", :type :binary, :owner "me",
                   :last-write #inst "1970-01-01T00:00:00.001Z",
                   :revision "000102030405060708090a0b0c0d0e0f",
                   :expiry #inst "1970-01-01T00:00:00.002Z"})"));
  CHECK(metadata{}.to_value() == metadata{}.stored_form());
}

TEST_CASE("stored metadata reads back") {
  auto x = metadata::from_stored_form(example().stored_form());
  REQUIRE(x.has_value());
  CHECK(x->key == value{"k"});
  CHECK(x->type == content_type::binary);
  CHECK(x->last_write == 1);
  CHECK(x->extras == edn("{:owner \"me\"}"));
  CHECK_FALSE(x->rev.valid());
  CHECK_FALSE(x->expiry.has_value());
  rc::prop("whatever the key and extras are",
           [](const value& key, const value& name, const value& content) {
             metadata x;
             x.key = key;
             x.extras = value::map({{name, content}});
             RC_PRE(metadata::check_extras(x.extras).has_value());
             auto y = metadata::from_stored_form(x.stored_form());
             RC_ASSERT(y->key == key);
             RC_ASSERT(y->extras == x.extras);
           });
}

TEST_CASE("konserve's own revision is no extra") {
  auto x = metadata::from_stored_form(
    edn(R"({:key 1 :type :edn :last-write #inst "1985" :revision "u-1"})"));
  REQUIRE(x.has_value());
  CHECK(x->extras == value::map());
}

TEST_CASE("a value that is no stored metadata is corrupt") {
  for (auto text : {"nil", "[]", "{}", "{:key 1}", "{:key 1 :type :edn}",
                    R"({:type :edn :last-write #inst "1985"})",
                    R"({:key 1 :type "edn" :last-write #inst "1985"})",
                    R"({:key 1 :last-write #inst "1985"})",
                    "{:key 1 :type :edn :last-write 5}"})
    CHECK(metadata::from_stored_form(edn(text)).error() == errc::corruption);
  CHECK(metadata::from_stored_form(
          edn(R"({:key 1 :type :other :last-write #inst "1985"})"))
          .error()
        == errc::unsupported);
}

TEST_CASE("extras are a map without the reserved keys") {
  CHECK(metadata::check_extras(edn("{}")).has_value());
  CHECK(metadata::check_extras(edn("{\"key\" 1 key 2 :keys 3}")).has_value());
  CHECK(metadata::check_extras(edn("[]")).error() == errc::invalid_argument);
  for (auto text : {"{:key 1}", "{:type 1}", "{:last-write 1}", "{:revision 1}",
                    "{:expiry 1}"})
    CHECK(metadata::check_extras(edn(text)).error() == errc::invalid_argument);
}

TEST_CASE("metadata expires at its time and not before") {
  auto x = example();
  CHECK_FALSE(x.expired(1));
  CHECK(x.expired(2));
  x.expiry.reset();
  CHECK_FALSE(x.expired(std::numeric_limits<int64_t>::max()));
}

TEST_CASE("content types have names") {
  CHECK(to_string(content_type::edn) == "edn");
  CHECK(to_string(content_type::binary) == "binary");
}
