// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which watches a key belongs to.

#include "larder/internal/watch_table.hpp"

#include "random_value.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

using namespace larder;
using namespace larder::internal;
using namespace larder::test;

namespace {

std::set<uint64_t> found(const watch_table<>& table, const value& key) {
  std::set<uint64_t> result;
  table.for_each(key, [&](const auto& x) {
    // Each once.
    CHECK(result.insert(x.id).second);
  });
  return result;
}

/// Text of few characters, so that prefixes are met; sometimes another value.
value random_key(random_source& rng) {
  std::string text;
  for (auto n = pick(rng, 4); n > 0; --n)
    text += pick(rng, 1) == 0 ? "a" : "\xC3\xA4";
  switch (pick(rng, 7)) {
    case 0:
      return value::keyword("k" + text);
    case 1:
      return value::symbol("k" + text);
    case 2:
      return random_value(rng, 1);
    default:
      return text;
  }
}

/// What the documentation says, word by word.
bool wants(const watched& what, const value& key) {
  if (what.scope == watch_scope::everything)
    return true;
  if (what.scope == watch_scope::key)
    return what.key == key;
  return what.key.type() == key.type()
         && key.as_string().substr(0, what.key.size()) == what.key.as_string();
}

watched random_watched(random_source& rng) {
  switch (pick(rng, 4)) {
    case 0:
      return {watch_scope::everything, {}, pick(rng, 1) == 0, false};
    case 1:
      return {watch_scope::key, random_key(rng), false, pick(rng, 1) == 0};
    default: {
      auto key = random_key(rng);
      while (!is_text(key))
        key = random_key(rng);
      return {watch_scope::prefix, key, false, false};
    }
  }
}

} // namespace

TEST_CASE("an empty table finds nobody") {
  watch_table<> table;
  CHECK(table.empty());
  CHECK(found(table, "k").empty());
  CHECK_FALSE(table.remove(1).has_value());
}

TEST_CASE("a prefix is one of keys of its own kind") {
  watch_table<> table;
  table.add(1, {watch_scope::prefix, "user/"});
  table.add(2, {watch_scope::prefix, value::keyword("user/")});
  table.add(3, {watch_scope::prefix, ""});
  CHECK(found(table, "user/7") == std::set<uint64_t>{1, 3});
  CHECK(found(table, "user/") == std::set<uint64_t>{1, 3});
  CHECK(found(table, "user") == std::set<uint64_t>{3});
  CHECK(found(table, value::keyword("user/7")) == std::set<uint64_t>{2});
  CHECK(found(table, value::symbol("user/7")).empty());
  CHECK(found(table, 7).empty());
}

TEST_CASE("an item is added once and removed once") {
  watch_table<> table;
  table.add(1, {watch_scope::key, "k"});
  table.add(1, {watch_scope::everything});
  CHECK(table.size() == 1);
  CHECK(found(table, "other").empty());
  CHECK(table.remove(1) == watched{watch_scope::key, "k"});
  CHECK_FALSE(table.remove(1).has_value());
  CHECK(table.empty());
}

TEST_CASE("a table finds what a search of all items finds") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    random_source rng{seed};
    watch_table<> table;
    std::map<uint64_t, watched> model;
    for (uint64_t id = 1; id <= 60; ++id) {
      if (pick(rng, 2) == 0) {
        auto victim = pick(rng, id);
        CHECK(table.remove(victim).has_value() == (model.erase(victim) == 1));
      } else {
        auto what = random_watched(rng);
        table.add(id, what);
        model.emplace(id, what);
      }
      CHECK(table.size() == model.size());
      for (auto probe = 0; probe < 8; ++probe) {
        auto key = random_key(rng);
        std::set<uint64_t> expected;
        for (auto& [number, what] : model) {
          CHECK(what.contains(key) == wants(what, key));
          if (wants(what, key))
            expected.insert(number);
        }
        INFO("seed " << seed);
        REQUIRE(found(table, key) == expected);
      }
    }
  }
}

TEST_CASE("a scope covers another if it sees all of its keys and values") {
  auto covering = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    random_source rng{seed};
    auto wide = random_watched(rng);
    auto narrow = random_watched(rng);
    if (!wide.covers(narrow))
      continue;
    ++covering;
    CHECK((wide.with_before || !narrow.with_before));
    CHECK((wide.with_after || !narrow.with_after));
    for (auto probe = 0; probe < 50; ++probe) {
      auto key = random_key(rng);
      if (wants(narrow, key))
        CHECK(wants(wide, key));
    }
  }
  CHECK(covering > 100);
  watched everything;
  watched prefix{watch_scope::prefix, "ab"};
  watched key{watch_scope::key, "abc"};
  CHECK(everything.covers(prefix));
  CHECK(everything.covers(key));
  CHECK(prefix.covers(key));
  CHECK(prefix.covers({watch_scope::prefix, "abc"}));
  CHECK(prefix.covers(prefix));
  CHECK(key.covers(key));
  CHECK_FALSE(prefix.covers(everything));
  CHECK_FALSE(prefix.covers({watch_scope::prefix, "a"}));
  CHECK_FALSE(key.covers(prefix));
  CHECK_FALSE(key.covers({watch_scope::prefix, "abc"}));
  CHECK_FALSE(key.covers({watch_scope::key, "abc", true, false}));
}

TEST_CASE("a table finds each of many keys, and no other") {
  constexpr int many = 20'000; // more than the filter has bits
  watch_table<> table;
  for (int i = 0; i < many; i += 2)
    table.add(static_cast<uint64_t>(i), {watch_scope::key, i});
  auto check = [&](int first_there) {
    auto right = 0;
    for (int i = 0; i < many; ++i) {
      auto there = i % 2 == 0 && i >= first_there;
      right += found(table, i).size() == (there ? 1 : 0) ? 1 : 0;
    }
    CHECK(right == many);
  };
  check(0);
  for (int i = 0; i < many / 2; i += 2)
    table.remove(static_cast<uint64_t>(i));
  check(many / 2);
  for (int i = many / 2; i < many; i += 2)
    table.remove(static_cast<uint64_t>(i));
  CHECK(table.empty());
  check(many);
  table.add(7, {watch_scope::key, 7});
  CHECK(found(table, 7) == std::set<uint64_t>{7});
  // Keys that come and go beside one that stays.
  for (int i = 100; i < many; ++i) {
    table.add(1, {watch_scope::key, i});
    table.remove(1);
  }
  CHECK(found(table, 7) == std::set<uint64_t>{7});
  CHECK(found(table, 100).empty());
}

TEST_CASE("an item keeps its data where it is") {
  watch_table<std::string> table;
  auto* first = table.add(1, {watch_scope::key, "k"});
  first->data = "mine";
  for (uint64_t id = 2; id < 1000; ++id)
    table.add(id, {watch_scope::everything});
  CHECK(table.add(1, {watch_scope::everything}) == nullptr);
  CHECK(&table.at(1) == first);
  size_t seen = 0;
  table.for_all([&seen](const auto& x) { seen += x.data.size(); });
  CHECK(seen == 4);
}
