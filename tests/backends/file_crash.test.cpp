// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The file engine is stopped at every step, with everything that was not
/// synced kept, dropped, torn or reordered; see crash_model.hpp.

#include "backends/crash_model.hpp"
#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

using namespace file_tools;
using namespace std::literals;

using crash_model::recorder;
using crash_model::sabotage;

namespace {

using content = std::optional<bytes>;

content pattern(size_t size, uint8_t seed) {
  bytes result(size);
  for (size_t i = 0; i < size; ++i)
    result[i] = static_cast<std::byte>(1 + (i * 7 + i / 4096 + seed) % 250);
  return result;
}

/// One change of one or several keys in one batch.
struct operation {
  std::map<std::string, content> changes; // nothing: erase
  bool staged = false;
  bool group = false;
};

struct scenario {
  std::map<std::string, bytes> before;
  std::vector<operation> operations;
  /// Groups rely on it.
  bool atomic_renames = false;
};

mutation make_mutation(backend& store, const std::string& key, const content& x,
                       bool staged) {
  if (!x)
    return erase(key);
  if (!staged)
    return put(key, std::make_shared<const bytes>(*x));
  auto prefix = std::min<size_t>(x->size(), 64);
  auto made = store.stage(key, prefix);
  REQUIRE(made);
  std::shared_ptr<staged_blob> result = std::move(*made);
  auto rest = bytes_view{*x}.subspan(prefix);
  REQUIRE(result->append(rest.first(rest.size() / 2)));
  REQUIRE(result->append(rest.subspan(rest.size() / 2)));
  REQUIRE(result->set_prefix(bytes_view{*x}.first(prefix)));
  return {key, result, {}};
}

/// Carries out the operations, with remarks for the model.
void run(backend& store, recorder& ops, const scenario& what) {
  for (auto& op : what.operations) {
    ops.begin();
    std::vector<mutation> batch;
    for (auto& [key, x] : op.changes) {
      batch.push_back(make_mutation(store, key, x, op.staged));
      batch.back().group = op.group ? 1 : 0;
    }
    for (auto& outcome : store.commit(batch))
      REQUIRE(outcome);
    batch.clear();
    ops.ack();
  }
}

/// What each key may hold.
struct expectation {
  std::map<std::string, std::set<content>> allowed;
  /// The group that is under way: all of it or nothing.
  std::map<std::string, content> group;

  void begin(const operation& op) {
    for (auto& [key, x] : op.changes)
      allowed[key].insert(x);
    if (op.group)
      group = op.changes;
  }

  void acknowledge(const operation& op) {
    for (auto& [key, x] : op.changes)
      allowed[key] = {x};
    group.clear();
  }
};

/// Reopens a store after a crash.
/// @returns what is wrong with it, nothing if all is well
std::string examine(const std::string& dir, const expectation& expected) {
  auto& [allowed, group] = expected;
  auto config = config_for(dir);
  config.sync = false; // a crash of the examination does not matter
  config.threads = 1;
  auto opened
    = detail::open_file_store(config, std::make_shared<detail::file_ops>());
  if (!opened)
    return to_string(opened.error());
  auto& store = *opened;
  std::vector<std::string> present;
  size_t carried_out = 0;
  for (auto& [key, contents] : allowed) {
    auto found = get(*store, key);
    if (auto i = group.find(key); i != group.end())
      carried_out += i->second == found;
    if (!contents.contains(found))
      return found
               ? "a wrong blob of " + std::to_string(found->size()) + " bytes"
               : "no blob";
    if (found)
      present.push_back(key);
  }
  if (carried_out != 0 && carried_out != group.size())
    return "half of a group";
  if (keys(*store) != present)
    return "a wrong listing";
  std::vector<std::string> files{"larder-store", "lock"};
  for (auto& [key, contents] : allowed) {
    REQUIRE(commit_one(*store, put(key, blob(9, "after the crash"))));
    files.push_back(detail::name_of(key).relative());
  }
  std::sort(files.begin(), files.end());
  return files_below(dir) == files ? "" : "litter after one more write";
}

struct report {
  size_t stops = 0;
  size_t states = 0;
  size_t records = 0; ///< states with the record of a group
  std::vector<std::string> problems;
};

/// Makes the store of a scenario, all of it durable.
expectation prepare(const scenario& what, detail::file_config config) {
  config.sync = false;
  expectation result;
  auto store = create(config);
  for (auto& [key, x] : what.before) {
    REQUIRE(commit_one(*store, put(key, std::make_shared<const bytes>(x))));
    result.allowed[key] = {x};
  }
  for (auto& op : what.operations)
    for (auto& [key, x] : op.changes)
      if (!result.allowed.contains(key))
        result.allowed[key] = {std::nullopt};
  return result;
}

/// Calls `f` with each state of the disk that a crash may leave after each of
/// the recorded events, with the number of the event and what is expected.
template <class F>
void for_each_crash(const recorder& ops, const scenario& what,
                    expectation expected, F f) {
  crash_model::disk disk{ops.root(), what.atomic_renames};
  auto begun = what.operations.begin();
  auto acked = what.operations.begin();
  for (size_t i = 0; i < ops.events().size(); ++i) {
    auto& x = ops.events()[i];
    disk.apply(x);
    if (i < ops.base())
      continue;
    if (x.what == crash_model::event::kind::begin)
      expected.begin(*begun++);
    else if (x.what == crash_model::event::kind::ack)
      expected.acknowledge(*acked++);
    for (auto& state : disk.states())
      f(i, disk, state, expected);
  }
  CHECK(acked == what.operations.end());
}

/// Stops a scenario at every step and examines all that may be left.
report crash_everywhere(const scenario& what, sabotage wrong = {}) {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  config.threads = 1; // for a definite order
  auto expected = prepare(what, config);
  auto ops = std::make_shared<recorder>(config.dir, wrong);
  run(*open(config, ops), *ops, what);
  report result;
  result.stops = ops->events().size() - ops->base();
  for_each_crash(*ops, what, expected,
                 [&](size_t event, auto& disk, auto& state, auto& allowed) {
                   ++result.states;
                   result.records
                     += state.files.contains(config.dir + "/groups");
                   disk.build(state, tmp / "crashed");
                   auto problem = examine(tmp / "crashed", allowed);
                   if (!problem.empty())
                     result.problems.push_back("event " + std::to_string(event)
                                               + ": " + problem);
                 });
  return result;
}

/// Stops a scenario at every step, and where that leaves the record of a group,
/// stops the recovery from that at every step as well.
report crash_twice(const scenario& what) {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  config.threads = 1;
  auto expected = prepare(what, config);
  auto ops = std::make_shared<recorder>(config.dir);
  run(*open(config, ops), *ops, what);
  auto again = config;
  again.dir = tmp / "crashed";
  report result;
  for_each_crash(
    *ops, what, expected,
    [&](size_t event, auto& disk, auto& state, auto& allowed) {
      auto torn
        = std::any_of(state.files.begin(), state.files.end(), [](auto& x) {
            auto tear = x.second.second;
            return tear != crash_model::tear::kept;
          });
      // What is torn (the number in `lock` at most) makes no difference here.
      if (!state.files.contains(config.dir + "/groups") || torn)
        return;
      ++result.records;
      disk.build(state, again.dir);
      auto second = std::make_shared<recorder>(again.dir);
      open(again, second);
      result.stops += second->events().size() - second->base();
      for_each_crash(*second, {{}, {}, true}, allowed,
                     [&](size_t, auto& disk2, auto& state2, auto& allowed2) {
                       ++result.states;
                       disk2.build(state2, tmp / "crashed twice");
                       auto problem = examine(tmp / "crashed twice", allowed2);
                       if (!problem.empty())
                         result.problems.push_back(
                           "event " + std::to_string(event) + ": " + problem);
                     });
    });
  return result;
}

void check_survives(const scenario& what) {
  auto result = crash_everywhere(what);
  for (auto& problem : result.problems)
    FAIL_CHECK(problem);
  CHECK(result.stops > 2);
  CHECK(result.states >= result.stops);
}

const auto key = "\"key"s;

/// A key whose file is in the same directory as that of `key`.
std::string neighbour() {
  for (int i = 0;; ++i) {
    auto result = "\"neighbour-" + std::to_string(i);
    if (detail::name_of(result).dir == detail::name_of(key).dir)
      return result;
  }
}

scenario replacing() {
  return {{{key, *pattern(4096, 1)}}, {{{{key, pattern(4096, 2)}}}}};
}

scenario adding() {
  return {{}, {{{{key, pattern(4096, 2)}}}}};
}

scenario erasing() {
  return {{{key, *pattern(4096, 1)}}, {{{{key, std::nullopt}}}}};
}

} // namespace

// -- the engine holds ---------------------------------------------------------

TEST_CASE("a crash while a blob is written leaves the old or the new blob") {
  for (size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{5} << 20}) {
    CAPTURE(size);
    for (auto staged : {false, true}) {
      CAPTURE(staged);
      operation op{{{key, pattern(size, 2)}}, staged};
      check_survives({{}, {op}});
      check_survives({{{neighbour(), *pattern(10, 1)}}, {op}});
      check_survives({{{key, *pattern(size, 1)}}, {op}});
      check_survives({{{key, *pattern(100, 1)}}, {op}});
    }
  }
}

TEST_CASE("a crash while a blob is erased leaves it or nothing") {
  for (size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{5} << 20}) {
    CAPTURE(size);
    check_survives({{{key, *pattern(size, 1)}}, {{{{key, std::nullopt}}}}});
  }
  check_survives({{{neighbour(), *pattern(10, 1)}}, {{{{key, std::nullopt}}}}});
}

TEST_CASE("a crash in a series of operations loses none that was answered") {
  check_survives({{{neighbour(), *pattern(10, 1)}},
                  {{{{key, pattern(100, 1)}}},
                   {{{key, pattern(200, 2)}}},
                   {{{key, std::nullopt}}},
                   {{{key, pattern(50, 3)}}},
                   {{{key, pattern(300, 4)}}, true},
                   {{{neighbour(), std::nullopt}}},
                   {{{key, std::nullopt}}}}});
}

TEST_CASE("a crash with a long key keeps the key with the blob") {
  auto long_key = "\"" + std::string(3000, 'k');
  check_survives({{}, {{{{long_key, pattern(4096, 2)}}}}});
  check_survives(
    {{{long_key, *pattern(10, 1)}},
     {{{{long_key, pattern(100, 2)}}, true}, {{{long_key, std::nullopt}}}}});
}

TEST_CASE("a crash in a batch leaves each key old or new") {
  check_survives({{{key, *pattern(10, 1)}},
                  {{{{key, pattern(20, 2)},
                     {neighbour(), pattern(30, 3)},
                     {"\"elsewhere", pattern(40, 4)}}},
                   {{{key, std::nullopt}, {neighbour(), pattern(31, 5)}}}}});
}

// -- groups -------------------------------------------------------------------

namespace {

operation group(std::map<std::string, content> changes, bool staged = false) {
  return {std::move(changes), staged, true};
}

scenario group_of_two() {
  return {{{key, *pattern(10, 1)}, {"\"elsewhere", *pattern(20, 2)}},
          {group({{key, pattern(30, 3)}, {"\"elsewhere", std::nullopt}})},
          true};
}

void check_group_survives(scenario what) {
  what.atomic_renames = true;
  auto result = crash_everywhere(what);
  for (auto& problem : result.problems)
    FAIL_CHECK(problem);
  CHECK(result.records > 0); // or nothing was proved
}

} // namespace

TEST_CASE("a crash in a group of two leaves all of it or nothing") {
  auto elsewhere = "\"elsewhere"s;
  SECTION("two new keys") {
    check_group_survives(
      {{}, {group({{key, pattern(100, 1)}, {elsewhere, pattern(4096, 2)}})}});
  }
  SECTION("a new key and an erased one") {
    check_group_survives(
      {{{elsewhere, *pattern(10, 1)}},
       {group({{key, pattern(100, 2)}, {elsewhere, std::nullopt}})}});
  }
  SECTION("a replaced key and a new one in the same directory") {
    check_group_survives(
      {{{key, *pattern(10, 1)}},
       {group({{key, pattern(100, 2)}, {neighbour(), pattern(200, 3)}})}});
  }
  SECTION("staged blobs") {
    check_group_survives(
      {{{key, *pattern(10, 1)}},
       {group({{key, pattern(100, 2)}, {elsewhere, pattern(200, 3)}}, true)}});
  }
}

TEST_CASE("a crash in a group of three leaves all of it or nothing") {
  auto long_key = "\"" + std::string(3000, 'k');
  check_group_survives({{{key, *pattern(10, 1)}, {neighbour(), *pattern(9, 1)}},
                        {group({{key, pattern(100, 2)},
                                {neighbour(), std::nullopt},
                                {long_key, pattern(50, 3)}})}});
}

TEST_CASE("a crash after a group never does its erases again") {
  auto two = group_of_two();
  two.operations.push_back({{{"\"elsewhere", pattern(40, 4)}}});
  two.operations.push_back(
    group({{key, std::nullopt}, {"\"elsewhere", std::nullopt}}));
  two.operations.push_back({{{key, pattern(50, 5)}}});
  check_group_survives(two);
}

TEST_CASE("a crash while groups are recovered leaves all of it or nothing") {
  auto result = crash_twice(group_of_two());
  for (auto& problem : result.problems)
    FAIL_CHECK(problem);
  CHECK(result.records > 0);
  CHECK(result.states > result.records);
}

// -- and the test would notice if it did not ----------------------------------

TEST_CASE("the crash test notices when files are not synced") {
  sabotage wrong;
  wrong.skip_file_sync = true;
  CHECK(!crash_everywhere(adding(), wrong).problems.empty());
  CHECK(!crash_everywhere(replacing(), wrong).problems.empty());
}

TEST_CASE("the crash test notices when directories are not synced") {
  sabotage wrong;
  wrong.skip_dir_sync = true;
  CHECK(!crash_everywhere(adding(), wrong).problems.empty());
  CHECK(!crash_everywhere(replacing(), wrong).problems.empty());
  CHECK(!crash_everywhere(erasing(), wrong).problems.empty());
}

TEST_CASE("the crash test notices when new directories are not synced") {
  sabotage wrong;
  wrong.skip_root_sync = true;
  CHECK(!crash_everywhere(adding(), wrong).problems.empty());
}

TEST_CASE("the crash test notices when a group's syncs are missing") {
  for (auto what : {&sabotage::skip_file_sync, &sabotage::skip_dir_sync,
                    &sabotage::skip_root_sync}) {
    sabotage wrong;
    wrong.*what = true;
    CHECK(!crash_everywhere(group_of_two(), wrong).problems.empty());
  }
}

TEST_CASE("the crash test notices writing in place") {
  sabotage wrong;
  wrong.in_place = true;
  CHECK(!crash_everywhere(replacing(), wrong).problems.empty());
  CHECK(!crash_everywhere(adding(), wrong).problems.empty());
}
