// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/path.hpp"

#include "serializers/arbitrary_value.hpp"

#include "larder/limits.hpp"

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

path steps_of(std::string_view text) {
  return edn(text).take_items();
}

/// Returns the result as EDN, or the error as text.
template <class T>
std::string show(const expected<T>& x) {
  return x ? to_edn(*x) : to_string(x.error());
}

/// Calls a function for a root, a path and an expected beginning of the answer.
struct row {
  std::string_view root;
  std::string_view path;
  std::string_view wanted;
};

template <class F>
void check_rows(std::initializer_list<row> rows, F f) {
  for (auto& [root, path, wanted] : rows) {
    auto answer = show(f(edn(root), steps_of(path)));
    INFO(root << " at " << path << " => " << answer);
    CHECK(answer.starts_with(wanted));
  }
}

} // namespace

TEST_CASE("get_in walks maps, vectors, lists and sets") {
  check_rows(
    {
      {"{:a 1}", "[]", "{:a 1}"},
      {"{:a {\"b\" [1 (2 3)]}}", "[:a \"b\" 1 0]", "2"},
      {"#{[1 2]}", "[[1 2] 1]", "2"},
      {"{nil {false nil}}", "[nil]", "{false nil}"},
      {"{nil {false nil}}", "[nil false]", "nil"},
      {"{:a 1}", "[:b]",
       "not_found: path step 1 (:b): the map has no such key"},
      {"{:a {}}", "[:a :b :c]", "not_found: path step 2 (:b)"},
      {"[1 2]", "[2]", "not_found: path step 1 (2): the vector has 2 items"},
      {"[1 2]", "[-1]", "not_found"},
      {"(1 2)", "[99999999999999999999]", "not_found: path step 1"},
      {"[1 2]", "[:a]",
       "not_found: path step 1 (:a): an index into a vector "
       "must be an integer, not of kind keyword"},
      {"#{1}", "[2]", "not_found: path step 1 (2): the set has no such item"},
      {"{:a \"text\"}", "[:a 0]",
       "not_found: path step 2 (0): it leads into a value of kind string"},
      {"nil", "[0]", "not_found"},
      {"#tag {:a 1}", "[:a]", "not_found"},
    },
    [](value root, path steps) { return get_in(root, steps); });
}

TEST_CASE("assoc_in replaces, adds and makes maps on the way") {
  check_rows(
    {
      {"1", "[]", "\"x\""},
      {"{:a 1}", "[:a]", "{:a \"x\"}"},
      {"{:b 1}", "[:a]", "{:a \"x\", :b 1}"},
      {"{}", "[:a :b]", "{:a {:b \"x\"}}"},
      {"nil", "[:a :b]", "{:a {:b \"x\"}}"},
      {"{:a nil}", "[:a 0]", "{:a {0 \"x\"}}"},
      {"[1 2]", "[1]", "[1 \"x\"]"},
      {"[1 2]", "[2]", "[1 2 \"x\"]"},
      {"(1 2)", "[0]", "(\"x\" 2)"},
      {"[1]", "[1 :a]", "[1 {:a \"x\"}]"},
      {"#{1}", "[\"x\"]", "#{1 \"x\"}"},
      {"#{\"x\"}", "[\"x\"]", "#{\"x\"}"},
      {"#{1}", "[2]", "invalid_argument: path step 1 (2): an item of a set"},
      {"#{[1]}", "[[1] 0]", "invalid_argument: path step 1 ([1])"},
      {"#{[\"x\"]}", "[[\"x\"] 0]", "#{[\"x\"]}"},
      {"[1 2]", "[3]", "invalid_path: path step 1 (3): the vector has 2 items"},
      {"[1 2]", "[-1]", "invalid_path"},
      {"[1 2]", "[:a]", "invalid_path: path step 1 (:a): an index"},
      {"{:a 1}", "[:a :b]",
       "invalid_path: path step 2 (:b): it leads into a value of kind integer"},
      {"{:a false}", "[:a :b]", "invalid_path"},
      {"#tag {}", "[:a]", "invalid_path"},
    },
    [](value root, path steps) { return assoc_in(root, steps, "x"); });
}

TEST_CASE("dissoc_in removes entries, items and elements") {
  check_rows(
    {
      {"{:a 1 :b 2}", "[:a]", "{:b 2}"},
      {"{:a {:b nil}}", "[:a :b]", "{:a {}}"},
      {"[1 2 3]", "[1]", "[1 3]"},
      {"(1 2 3)", "[0]", "(2 3)"},
      {"#{1 2}", "[1]", "#{2}"},
      {"#{[1]}", "[[1] 0]", "invalid_argument: path step 1 ([1])"},
      {"{:a 1}", "[]", "invalid_argument: the empty path"},
      {"{:a 1}", "[:b]", "not_found: path step 1 (:b)"},
      {"{:a 1}", "[:a :b]", "not_found: path step 2 (:b)"},
      {"[1]", "[1]", "not_found"},
      {"nil", "[:a]", "not_found"},
      {"#{1}", "[2]", "not_found"},
    },
    [](value root, path steps) { return dissoc_in(root, steps); });
}

TEST_CASE("update_in tells what was there and what is there now") {
  auto inc = [](const value* x) -> expected<value> {
    return x ? value{x->as_integer() + 1} : value{100};
  };
  auto res = update_in(edn("{:a [1]}"), steps_of("[:a 0]"), inc);
  REQUIRE(res.has_value());
  CHECK(res->root == edn("{:a [2]}"));
  CHECK(res->before == value{1});
  CHECK(res->after == value{2});
  res = update_in(edn("{:a [1]}"), steps_of("[:a 1]"), inc);
  REQUIRE(res.has_value());
  CHECK(res->root == edn("{:a [1 100]}"));
  CHECK(res->before.is_nil());
  CHECK(res->after == value{100});
}

TEST_CASE("an update function sees a stored nil, and null for nothing") {
  auto is_there
    = [](const value* x) -> expected<value> { return x != nullptr; };
  CHECK(update_in(edn("{:a nil}"), steps_of("[:a]"), is_there)->after
        == value{true});
  CHECK(update_in(edn("{}"), steps_of("[:a]"), is_there)->after
        == value{false});
  CHECK(update_in(edn("{:a nil}"), steps_of("[:a :b]"), is_there)->after
        == value{false});
}

TEST_CASE("the error of an update function is passed on and changes nothing") {
  auto root = edn("{:a 1}");
  auto res = update_in(root, steps_of("[:a]"), [](const value*) {
    return expected<value>{fail(errc::wrong_type, "no")};
  });
  CHECK(res.error() == errc::wrong_type);
  CHECK(root == edn("{:a 1}"));
}

TEST_CASE("an update copies the path and shares the rest") {
  auto root = edn("{:a [1 2] :b [3 4]}");
  auto copy = root;
  auto changed = assoc_in(root, steps_of("[:a 0]"), 9);
  REQUIRE(changed.has_value());
  CHECK(root == copy);
  auto b = value::keyword("b");
  CHECK(changed->find(b)->items().data() == root.find(b)->items().data());
}

TEST_CASE("nodes that nobody shares are changed in place") {
  auto root = edn("{:a [1 2]}");
  auto entries = root.entries().data();
  auto items = root.find(value::keyword("a"))->items().data();
  auto changed = assoc_in(std::move(root), steps_of("[:a 0]"), 9);
  REQUIRE(changed.has_value());
  CHECK(changed->entries().data() == entries);
  CHECK(changed->find(value::keyword("a"))->items().data() == items);
}

TEST_CASE("paths and results that are too deep are refused") {
  constexpr auto top = limits{}.max_depth;
  path deep(top, value{0});
  CHECK(assoc_in(value{}, deep, 1)->depth() == top);
  CHECK(assoc_in(value{}, deep, value::vector()).error()
        == errc::limit_exceeded);
  deep.emplace_back(0);
  CHECK(assoc_in(value{}, deep, 1).error() == errc::limit_exceeded);
  CHECK(get_in(value{}, deep).error() == errc::limit_exceeded);
  CHECK(dissoc_in(value{}, deep).error() == errc::limit_exceeded);
}

TEST_CASE("the lens functions fit together") {
  using steps = std::vector<value>;
  rc::prop("what was put at a path is found there",
           [](const value& root, const steps& path, const value& x) {
             auto changed = assoc_in(root, path, x);
             RC_PRE(changed.has_value());
             RC_ASSERT(get_in(*changed, path) == x);
           });
  rc::prop("map entries that were added and removed leave no trace",
           [](const value& key, const value& x) {
             auto root = value::map({{"other", 1}});
             RC_PRE(key != value{"other"});
             auto added = assoc_in(root, path{key}, x);
             RC_ASSERT(dissoc_in(*added, path{key}) == root);
           });
}
