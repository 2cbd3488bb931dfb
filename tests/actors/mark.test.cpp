// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Marking what can be reached, step by step.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "sweeps.hpp"

#  include <map>
#  include <random>

using namespace larder;
using namespace larder::test;

namespace {

/// A value that refers to keys: `{:refs [k …]}`.
value node(std::vector<value> refs) {
  return value::map({{value::keyword("refs"), value::vector(std::move(refs))}});
}

expected<value> references(const value* old, std::span<const value> args) {
  if (!args.empty() && args[0] == value{"throw"})
    throw std::runtime_error("out of order");
  if (!old->is(value::kind::map))
    return value{};
  auto found = old->find(value::keyword("refs"));
  return found == nullptr ? value{} : *found;
}

void with_references(store_config& config) {
  REQUIRE(config.functions.add("references", references));
}

mark_request mark(uint64_t sweep, std::vector<value> roots) {
  return {sweep, std::move(roots), "references", {}, 1000};
}

/// Marks to the end, a few keys at a time.
mark_reply mark_all(stepper& world, mark_request req) {
  mark_reply sum;
  do {
    auto reply = world.call(req);
    REQUIRE(reply);
    CHECK(reply->visited <= req.limit);
    sum.visited += reply->visited;
    sum.missing += reply->missing;
    sum.marked += reply->marked;
    sum.pending = reply->pending;
    req.roots.clear();
  } while (sum.pending > 0);
  return sum;
}

} // namespace

TEST_CASE("what can be reached from the roots stays, the rest goes") {
  stepper world;
  world.spawn(make_memory(), with_references);
  REQUIRE(world.call(put("root", node({"a", "b", "missing"}))));
  REQUIRE(world.call(put("a", node({"c"}))));
  REQUIRE(world.call(put("b", node({"root", "b"})))); // in circles
  REQUIRE(world.call(put("c", 5)));
  REQUIRE(world.call(put("other root", node({"binary"}))));
  REQUIRE(world.call(write("binary", "refs")));
  REQUIRE(world.call(put("lost", node({"lost too"}))));
  REQUIRE(world.call(put("lost too", node({"lost", "a"}))));
  world.now += 1;
  auto sweep = begin_sweep(world);
  auto req = mark(sweep, {"root", "other root"});
  req.limit = GENERATE(1, 2, 1000);
  auto report = mark_all(world, req);
  CHECK(report.visited == 7);
  CHECK(report.missing == 1);
  CHECK(report.marked == 7);
  CHECK(sweep_all(world, sweep).deleted == std::set<value>{"lost", "lost too"});
  CHECK(collected(world, "marked") == 7);
}

TEST_CASE("values too large to be read in one go are followed all the same") {
  stepper world;
  world.spawn(make_memory(), with_references);
  auto large = node({"leaf"}).with("padding", std::string(3 << 20, 'x'));
  REQUIRE(world.call(put("root", large)));
  REQUIRE(world.call(put("leaf", 1)));
  REQUIRE(world.call(put("lost", 1)));
  REQUIRE(world.call(write("large binary", std::string(3 << 20, 'x'))));
  world.now += 1;
  auto sweep = begin_sweep(world);
  CHECK(mark_all(world, mark(sweep, {"root", "large binary"})).visited == 3);
  CHECK(sweep_all(world, sweep).deleted == std::set<value>{"lost"});
}

TEST_CASE("a random graph is marked as a search of one's own finds it") {
  std::mt19937 rng{GENERATE(1U, 2U, 3U, 4U, 5U)};
  constexpr auto n = 120;
  std::map<int, std::vector<int>> graph;
  stepper world;
  world.spawn(make_memory(), with_references);
  for (auto i = 0; i < n; ++i) {
    std::vector<value> refs;
    for (auto k = rng() % 3; k > 0; --k) {
      graph[i].push_back(static_cast<int>(rng() % n));
      refs.emplace_back(graph[i].back());
    }
    REQUIRE(world.call(put(i, node(std::move(refs)))));
  }
  world.now += 1;
  std::set<value> alive;
  std::vector<int> todo;
  std::vector<value> roots;
  for (auto i = 0; i < 5; ++i) {
    todo.push_back(static_cast<int>(rng() % n));
    roots.emplace_back(todo.back());
  }
  while (!todo.empty()) {
    auto i = todo.back();
    todo.pop_back();
    if (alive.insert(i).second)
      todo.insert(todo.end(), graph[i].begin(), graph[i].end());
  }
  auto sweep = begin_sweep(world);
  auto req = mark(sweep, roots);
  req.limit = 1 + rng() % 20;
  CHECK(mark_all(world, req).marked == alive.size());
  auto deleted = sweep_all(world, sweep, 1 + rng() % 20).deleted;
  CHECK(deleted.size() + alive.size() == n);
  CHECK(keys_of(world) == alive);
}

TEST_CASE("a key that is kept already is walked when a mark comes past it") {
  stepper world;
  world.spawn(make_memory(), with_references);
  REQUIRE(world.call(put("root", node({"a"}))));
  REQUIRE(world.call(put("a", node({"b"}))));
  REQUIRE(world.call(put("b", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {"a"});
  CHECK(mark_all(world, mark(sweep, {"root"})).marked == 2);
  // And by each walk.
  CHECK(mark_all(world, mark(sweep, {"a"})).visited == 2);
  CHECK(sweep_all(world, sweep).deleted.empty());
}

TEST_CASE("no page is made while keys are pending") {
  stepper world;
  world.spawn(make_memory(), with_references);
  REQUIRE(world.call(put("root", node({"a"}))));
  REQUIRE(world.call(put("a", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  auto req = mark(sweep, {"root"});
  req.limit = 1;
  CHECK(world.call(req)->pending == 1);
  CHECK(code_of(world.call(sweep_page_request{sweep, 10}))
        == errc::invalid_argument);
  auto other = req;
  other.arguments = {1};
  CHECK(code_of(world.call(other)) == errc::invalid_argument);
  req.roots.clear();
  CHECK(world.call(req)->pending == 0);
  CHECK(sweep_all(world, sweep).deleted.empty());
}

TEST_CASE("after a mark that failed nothing is swept") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine, [](store_config& x) {
    with_references(x);
    x.max_keep_bytes = 1000;
  });
  REQUIRE(world.call(put("root", node({"a"}))));
  REQUIRE(world.call(put("a", 1)));
  REQUIRE(world.call(put("odd", value::map({{value::keyword("refs"), 5}}))));
  std::vector<value> many;
  for (auto i = 0; i < 100; ++i)
    many.emplace_back(i);
  REQUIRE(world.call(put("fertile", node(many))));
  world.now += 1;
  auto sweep = begin_sweep(world);
  auto req = mark(sweep, {"root"});
  auto code = errc::corruption;
  SECTION("a damaged value") {
    auto blob = read_blob(*engine, "\"a");
    blob.back() ^= std::byte{1};
    write_blob(*engine, "\"a", blob);
  }
  SECTION("a function that throws") {
    req.arguments = {"throw"};
    code = errc::function_failed;
  }
  SECTION("a function that returns no keys") {
    req.roots = {"odd"};
    code = errc::wrong_type;
  }
  SECTION("more keys than fit") {
    req.roots = {"fertile"};
    code = errc::limit_exceeded;
  }
  CHECK(code_of(world.call(req)) == code);
  CHECK(code_of(world.call(sweep_page_request{sweep, 10})) == code);
  CHECK(keys_of(world).size() == 4);
}

TEST_CASE("a mark that was refused does no harm to the sweep") {
  stepper world;
  world.spawn(make_memory(), with_references);
  REQUIRE(world.call(put("root", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  auto req = mark(sweep, {"root"});
  req.function = "unheard of";
  CHECK(code_of(world.call(req)) == errc::unknown_function);
  req.function = "references";
  req.limit = 0;
  CHECK(code_of(world.call(req)) == errc::invalid_argument);
  // It has given nothing to keep either.
  CHECK(code_of(world.call(sweep_page_request{sweep, 10}))
        == errc::invalid_argument);
  req.limit = 10;
  CHECK(world.call(req)->marked == 1);
  CHECK(sweep_all(world, sweep).deleted.empty());
}

#endif
