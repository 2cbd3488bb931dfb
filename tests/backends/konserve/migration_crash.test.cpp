// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Migrations that are stopped at every step, and processes killed at random
/// moments while they migrate and write.

#include "backends/crash_model.hpp"
#include "backends/konserve/old_layouts.hpp"

#include "larder/detail/konserve/migration.hpp"
#include "larder/konserve/migration.hpp"

#include <functional>
#include <random>

using namespace larder;
using namespace larder::test;

using crash_model::recorder;
using crash_model::sabotage;

namespace {

namespace ksv = detail::ksv;

const std::map<std::string, std::string> migrating{{"migrate", "yes"}};

const value key{"k"};
const auto bin = to_bytes("\1\2\3 some bytes");

// -- every step ---------------------------------------------------------------

/// What is done to a key in an old layout.
enum class deed { migrate, read, put, erase };

struct expectation {
  bool old_allowed = true;
  std::optional<value> result;
  bool result_allowed = false;
};

std::unique_ptr<backend> open_with(const std::string& dir,
                                   std::shared_ptr<detail::file_ops> ops) {
  auto config = ksv::parse_config(konserve_uri(dir, migrating));
  REQUIRE(config);
  auto result = ksv::open_store(std::move(*config), std::move(ops));
  REQUIRE(result);
  return std::move(*result);
}

void carry_out(deed what, const std::string& dir,
               const std::shared_ptr<recorder>& ops) {
  if (what == deed::migrate) {
    auto config = ksv::parse_config(konserve_uri(dir));
    REQUIRE(config);
    auto state = ksv::open_state(std::move(*config), ops);
    REQUIRE(state);
    ops->begin();
    auto counts = ksv::migrate_all(**state, nullptr);
    REQUIRE(counts);
    REQUIRE(counts->failed.empty());
    ops->ack();
    return;
  }
  konserve_store store{open_with(dir, ops)};
  ops->begin();
  if (what == deed::read)
    REQUIRE(store.read(key));
  else if (what == deed::put)
    store.must_put(key, "new");
  else
    REQUIRE(store.erase(key));
  ops->ack();
}

/// What a key holds, as one value.
expected<std::optional<value>> content_of(konserve_store& store) {
  auto found = store.find(key);
  if (!found)
    return fail(found.error());
  if (!*found)
    return std::nullopt;
  if ((*found)->meta.type != content_type::binary)
    return (*found)->content;
  return store.read_binary(key).map(
    [](bytes&& x) { return std::optional{value{std::move(x)}}; });
}

/// @returns what is wrong with a store after a crash
std::string examine(const std::string& dir, const expectation& expected,
                    const value& old) {
  auto store = konserve_store::open(dir, migrating);
  auto found = content_of(store);
  if (!found)
    return to_string(found.error());
  auto good = (expected.old_allowed && *found == std::optional{old})
              || (expected.result_allowed && *found == expected.result);
  if (!good)
    return *found ? "wrong: " + to_edn(**found) : "lost";
  // Whatever the crash has left, the key can be erased for good.
  if (auto erased = store.erase(key); !erased)
    return to_string(erased.error());
  if (is_in_old_layout(dir, key))
    return "something is left in an old layout";
  return "";
}

struct report {
  size_t states = 0;
  std::vector<std::string> problems;
};

report crash_everywhere(old_layout layout, deed what, sabotage wrong = {}) {
  auto binary = layout == old_layout::v1_binary
                || layout == old_layout::v2_binary;
  auto old = binary ? value{bin} : edn("{:old [1 2 3]}");
  temp_dir tmp;
  auto dir = tmp / "store";
  std::filesystem::create_directory(dir);
  write_old(dir, layout, key, old);
  auto ops = std::make_shared<recorder>(dir, wrong);
  carry_out(what, dir, ops);
  expectation expected;
  report result;
  crash_model::disk disk{dir, true};
  auto& events = ops->events();
  for (size_t i = 0; i < events.size(); ++i) {
    disk.apply(events[i]);
    if (i < ops->base())
      continue;
    if (events[i].what == crash_model::event::kind::begin
        && what != deed::migrate && what != deed::read) {
      expected.result_allowed = true;
      if (what == deed::put)
        expected.result = "new";
    } else if (events[i].what == crash_model::event::kind::ack) {
      expected.old_allowed = !expected.result_allowed;
    }
    for (auto& state : disk.states()) {
      ++result.states;
      disk.build(state, tmp / "crashed");
      auto problem = examine(tmp / "crashed", expected, old);
      if (!problem.empty())
        result.problems.push_back("event " + std::to_string(i) + ": "
                                  + problem);
    }
  }
  return result;
}

} // namespace

TEST_CASE("a migration that is stopped anywhere loses nothing", "[konserve]") {
  auto layout = GENERATE(old_layout::v1, old_layout::v1_binary, old_layout::v2,
                         old_layout::v2_binary);
  auto what = GENERATE(deed::migrate, deed::read, deed::put, deed::erase);
  if (layout == old_layout::v1_binary && what == deed::migrate)
    return; // it is not moved
  INFO(static_cast<int>(layout) << " " << static_cast<int>(what));
  auto result = crash_everywhere(layout, what);
  CHECK(result.states > 10);
  CHECK(result.problems == std::vector<std::string>{});
}

TEST_CASE("the model sees migrations that forget to sync", "[konserve]") {
  sabotage no_file;
  no_file.skip_file_sync = true;
  CHECK_FALSE(
    crash_everywhere(old_layout::v2, deed::migrate, no_file).problems.empty());
  sabotage no_root;
  no_root.skip_root_sync = true;
  CHECK_FALSE(
    crash_everywhere(old_layout::v2, deed::migrate, no_root).problems.empty());
  sabotage no_folder;
  no_folder.skip_dir_sync = true;
  CHECK_FALSE(
    crash_everywhere(old_layout::v2, deed::erase, no_folder).problems.empty());
}

// -- kill -9 ------------------------------------------------------------------

namespace {

constexpr int num_rounds = 50;
constexpr int num_keys = 150;
constexpr int num_counters = 10;

value counter_key(int i) {
  return value::vector({value::keyword("counter"), i});
}

void make_old_store(const std::string& dir) {
  for (int i = 0; i < num_keys; ++i)
    write_old(dir, i % 3 == 0 ? old_layout::v1 : old_layout::v2, i,
              value::vector({"content", i}));
  for (int i = 0; i < num_counters; ++i)
    write_old(dir, i % 2 == 0 ? old_layout::v1 : old_layout::v2, counter_key(i),
              0);
}

/// Adds one to the counters in turn and tells of each time it is done.
void count_up(const std::string& dir, int out, uint64_t seed) {
  auto store = konserve_store::open(dir, migrating);
  std::mt19937_64 rng{seed};
  for (;;) {
    auto i = static_cast<int>(rng() % num_counters);
    auto found = store.find(counter_key(i));
    if (!found || !*found)
      ::_exit(1);
    auto& doc = **found;
    auto done = store.put(counter_key(i), doc.content.as_integer() + 1,
                          precondition::matches(doc.meta.rev));
    if (done)
      file_tools::send(out, static_cast<uint64_t>(i));
    else if (done.error() != errc::precondition_failed)
      ::_exit(1);
  }
}

void migrate_slowly(const std::string& dir, int out) {
  auto moved = konserve::migrate(konserve_uri(dir, {{"sync", "off"}}),
                                 [out](const konserve::migration_counts& x) {
                                   file_tools::send(out, x.moved);
                                   return true;
                                 });
  if (!moved || !moved->failed.empty())
    ::_exit(1);
  file_tools::send(out, ~uint64_t{0});
}

} // namespace

TEST_CASE("processes that migrate and write are killed, and nothing is lost",
          "[konserve]") {
  std::mt19937_64 rng{20261122};
  size_t interrupted = 0;
  size_t increments = 0;
  for (int round = 0; round < num_rounds; ++round) {
    INFO("round " << round);
    temp_dir dir;
    make_old_store(dir.path());
    std::vector<uint64_t> acknowledged(num_counters);
    {
      file_tools::child counter{
        [&](int out) { count_up(dir.path(), out, rng()); }};
      // It stops to make progress when its pipe is full: what it has told is
      // what it has done, but for one.
      auto first = counter.next();
      REQUIRE(first);
      ++acknowledged[*first];
      file_tools::child migrator{
        [&](int out) { migrate_slowly(dir.path(), out); }};
      auto wanted = rng() % 40;
      for (uint64_t i = 0; i < wanted; ++i) {
        auto next = counter.next();
        REQUIRE(next);
        ++acknowledged[*next];
      }
      migrator.kill();
      counter.kill();
      while (auto next = counter.next())
        ++acknowledged[*next];
      auto over = false;
      while (auto next = migrator.next())
        over = over || *next == ~uint64_t{0};
      interrupted += over ? 0 : 1;
    }
    auto counts
      = konserve::migrate(konserve_uri(dir.path(), {{"sync", "off"}}));
    REQUIRE(counts);
    CHECK(counts->failed.empty());
    auto store = konserve_store::open(dir.path());
    for (int i = 0; i < num_keys; ++i)
      REQUIRE(store.get(i).content == value::vector({"content", i}));
    for (int i = 0; i < num_counters; ++i) {
      auto total = store.get(counter_key(i)).content.as_integer();
      auto least = static_cast<int64_t>(acknowledged[static_cast<size_t>(i)]);
      CHECK((total == least || total == least + 1));
      increments += static_cast<size_t>(total);
    }
    for (auto& name : names_in(dir.path()))
      CHECK((name.ends_with(".ksv") || name.ends_with(".new")));
  }
  // They did get in each other's way.
  CHECK(interrupted > 0);
  CHECK(increments > size_t{num_rounds});
}
