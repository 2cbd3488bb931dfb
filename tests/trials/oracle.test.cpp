// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/oracle.hpp"

#include "trials/ledger.hpp"

#include <catch2/catch.hpp>

using namespace trials;

namespace {

std::vector<std::string> kinds(const violations& xs) {
  std::vector<std::string> result;
  for (auto& x : xs)
    result.push_back(x.kind);
  return result;
}

using strings = std::vector<std::string>;

} // namespace

TEST_CASE("what was acknowledged must be there") {
  oracle uut;
  uut.sent(1, {{"a", 10}});
  CHECK(kinds(uut.check({})).empty());
  CHECK(kinds(uut.check({{"a", 10}})).empty());
  uut.acknowledged(1);
  CHECK(kinds(uut.check({})) == strings{"lost"});
  CHECK(kinds(uut.check({{"a", 10}})).empty());
  uut.sent(2, {{"a", 20}});
  uut.acknowledged(2);
  CHECK(kinds(uut.check({{"a", 10}})) == strings{"lost"});
}

TEST_CASE("what was never sent is a ghost, and so is what was erased") {
  oracle uut;
  CHECK(kinds(uut.check({{"a", 10}})) == strings{"ghost"});
  uut.settle({{"a", 10}});
  uut.sent(1, {{"a", 0}});
  CHECK(kinds(uut.check({{"a", 10}})).empty());
  uut.acknowledged(1);
  CHECK(kinds(uut.check({{"a", 10}})) == strings{"ghost"});
}

TEST_CASE("what was refused has changed nothing") {
  oracle uut;
  uut.sent(1, {{"a", 10}});
  uut.refused(1);
  CHECK(kinds(uut.check({{"a", 10}})) == strings{"ghost"});
  CHECK(uut.unanswered() == 0);
}

TEST_CASE("an operation without an answer is carried out wholly or not") {
  oracle uut;
  uut.settle({{"a", 1}, {"b", 2}});
  uut.sent(5, {{"a", 10}, {"b", 0}, {"c", 30}, {"d", 0}});
  CHECK(uut.unanswered() == 1);
  CHECK(kinds(uut.check({{"a", 1}, {"b", 2}})).empty());
  CHECK(uut.completed({{"a", 1}, {"b", 2}}) == 0);
  CHECK(kinds(uut.check({{"a", 10}, {"c", 30}})).empty());
  CHECK(uut.completed({{"a", 10}, {"c", 30}}) == 1);
  CHECK(kinds(uut.check({{"a", 10}})) == strings{"group"});
  CHECK(kinds(uut.check({{"a", 10}, {"b", 2}, {"c", 30}})) == strings{"group"});
}

TEST_CASE("a later answer says nothing of keys that it does not concern") {
  oracle uut;
  uut.sent(1, {{"a", 10}, {"b", 11}});
  uut.sent(2, {{"a", 20}});
  uut.acknowledged(2);
  CHECK(kinds(uut.check({{"a", 20}})).empty());
  CHECK(kinds(uut.check({{"a", 20}, {"b", 11}})).empty());
  CHECK(kinds(uut.check({{"a", 10}, {"b", 11}})) == strings{"lost"});
}

TEST_CASE("a chain holds all that was acknowledged and nothing refused") {
  ledger uut;
  uut.settle({{"a", 1}, {"b", 2}});
  uut.sent(1, {{"a", 1, 10}, {"b", 2, 20}});
  uut.sent(2, {{"a", 10, 11}});
  uut.sent(3, {{"a", 10, 12}});
  CHECK(uut.unanswered() == 3);
  CHECK(kinds(uut.check({{"a", 1}, {"b", 2}})).empty());
  uut.acknowledged(1);
  CHECK(kinds(uut.check({{"a", 1}, {"b", 2}})) == strings{"lost"});
  CHECK(kinds(uut.check({{"a", 10}, {"b", 2}})) == strings{"group"});
  CHECK(kinds(uut.check({{"a", 11}, {"b", 20}})).empty());
  CHECK(uut.completed({{"a", 11}, {"b", 20}}) == 1);
  uut.acknowledged(2);
  uut.refused(3);
  CHECK(kinds(uut.check({{"a", 12}, {"b", 20}})) == strings{"lost", "ghost"});
  CHECK(kinds(uut.check({{"a", 11}, {"b", 20}})).empty());
  CHECK(kinds(uut.check({{"b", 20}})).front() == "ghost");
}
