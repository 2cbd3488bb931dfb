// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Publishers and sweepers in processes of their own, on one file store.

#include "temp_dir.hpp"
#include "threads.hpp"

#include "larder/collection.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>

using namespace larder;
using namespace larder::test;
using namespace std::chrono_literals;

namespace {

// -- trees --------------------------------------------------------------------

/// A value that refers to keys: a vector of them.
expected<value> references(const value* old, std::span<const value>) {
  return old->is(value::kind::vector) ? *old : value{};
}

/// Opens the store; `ahead`: how much its clock is ahead.
store_config config_of(const std::string& uri,
                       std::chrono::milliseconds ahead = 0ms) {
  auto config = open_store(uri);
  if (!config)
    FAIL(to_string(config.error()));
  REQUIRE(config->functions.add("references", references));
  config->key_actors = 2;
  config->readers = 1;
  config->clock = [ahead] {
    auto now = std::chrono::system_clock::now().time_since_epoch() + ahead;
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  };
  return *config;
}

value root_of(size_t publisher) {
  return "root " + std::to_string(publisher);
}

/// Writes the values of a tree, but not the root.
/// @returns what the root is to hold
value write_values(blocking_client& client) {
  std::vector<value> nodes;
  for (auto i = 0; i < 2; ++i) {
    std::vector<value> leaves;
    for (auto j = 0; j < 3; ++j) {
      leaves.emplace_back(uuid::random());
      REQUIRE(client.put(leaves.back(), j));
    }
    nodes.emplace_back(uuid::random());
    REQUIRE(client.put(nodes.back(), value::vector(std::move(leaves))));
  }
  return value::vector(std::move(nodes));
}

/// What can be reached from the roots; nothing if a key is missing.
std::optional<std::set<value>> reachable(blocking_client& client,
                                         size_t publishers) {
  std::set<value> result;
  std::vector<value> todo;
  for (size_t i = 0; i < publishers; ++i)
    if (client.exists(root_of(i)).value())
      todo.push_back(root_of(i));
  while (!todo.empty()) {
    auto key = std::move(todo.back());
    todo.pop_back();
    auto content = client.get(key);
    if (!content)
      return std::nullopt;
    if (result.insert(key).second && content->is(value::kind::vector))
      for (auto& x : content->items())
        todo.push_back(x);
  }
  return result;
}

std::set<value> all_keys(blocking_client& client) {
  std::set<value> result;
  REQUIRE(client.for_each_key({}, [&](key_entry& x) -> expected<void> {
    result.insert(x.key);
    return {};
  }));
  return result;
}

sweep_options sweep_of(size_t publishers, uint64_t page_size) {
  sweep_options result;
  for (size_t i = 0; i < publishers; ++i)
    result.roots.push_back(root_of(i));
  result.references = "references";
  result.page_size = page_size;
  return result;
}

// -- processes ----------------------------------------------------------------

constexpr size_t publishers = 3;
constexpr int report_fd = 3;
constexpr int command_fd = 4;

/// Another process, which plays a role below until it is killed.
class player {
public:
  player(const std::string& uri, const std::string& role, size_t number) {
    std::array<int, 2> report{};
    std::array<int, 2> command{};
    REQUIRE(pipe2(report.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(command.data(), O_CLOEXEC) == 0);
    setenv("LARDER_TEST_URI", uri.c_str(), 1);
    setenv("LARDER_TEST_ROLE", role.c_str(), 1);
    setenv("LARDER_TEST_NUMBER", std::to_string(number).c_str(), 1);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      // First out of the way of each other.
      auto out = fcntl(report[1], F_DUPFD, 10);
      auto in = fcntl(command[0], F_DUPFD, 10);
      dup2(out, report_fd);
      dup2(in, command_fd);
      execl("/proc/self/exe", "player", "[.player]", nullptr);
      _exit(127);
    }
    close(report[1]);
    close(command[0]);
    in_ = report[0];
    out_ = command[1];
  }

  player(const player&) = delete;

  ~player() {
    kill();
    close(in_);
    close(out_);
  }

  void kill() {
    if (pid_ < 0)
      return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  /// Waits for the next report.
  void wait() {
    char c = 0;
    REQUIRE(read(in_, &c, 1) == 1);
  }

  /// Lets it go on where it waits.
  void go_on() {
    REQUIRE(write(out_, "x", 1) == 1);
  }

private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
};

void report() {
  if (write(report_fd, "x", 1) != 1)
    _exit(1);
}

void await_command() {
  char c = 0;
  if (read(command_fd, &c, 1) != 1)
    _exit(1);
}

/// Publishes trees for ever, each in place of the one before.
void play_publisher(caf::actor_system& sys, const caf::actor& store, size_t i) {
  blocking_client client{sys, store};
  for (;;) {
    auto guard = publication::begin(sys, store, 1h);
    REQUIRE(guard);
    auto tree = write_values(client);
    REQUIRE(client.put(root_of(i), tree));
    REQUIRE(guard->end());
    report();
  }
}

/// Publishes one tree, and stops before it writes the root.
void play_stepper(caf::actor_system& sys, const caf::actor& store,
                  bool with_guard) {
  blocking_client client{sys, store};
  std::optional<publication> guard;
  if (with_guard)
    guard.emplace(publication::begin(sys, store, 1h).value());
  auto tree = write_values(client);
  report();
  await_command();
  REQUIRE(client.put(root_of(0), tree));
  if (guard)
    REQUIRE(guard->end());
  report();
  await_command();
}

void play_sweeper(caf::actor_system& sys, const caf::actor& store) {
  blocking_client client{sys, store};
  std::mt19937 rng{std::random_device{}()};
  for (;;) {
    REQUIRE(sweep(client, sweep_of(publishers, 2 + rng() % 50)));
    report();
  }
}

} // namespace

TEST_CASE("a process of its own for other tests", "[.player]") {
  auto uri = getenv("LARDER_TEST_URI");
  if (uri == nullptr)
    return;
  std::string role = getenv("LARDER_TEST_ROLE");
  auto number = static_cast<size_t>(std::atoi(getenv("LARDER_TEST_NUMBER")));
  threaded_world world;
  auto store = world.spawn(config_of(uri));
  if (role == "publisher")
    play_publisher(world.system(), store, number);
  else if (role == "sweeper")
    play_sweeper(world.system(), store);
  else
    play_stepper(world.system(), store, role == "careful");
}

TEST_CASE("a publication in another process protects, its lack does not") {
  temp_dir tmp;
  auto uri = "file:" + tmp / "store?sync=off";
  threaded_world world;
  auto store = world.spawn(config_of(uri));
  blocking_client client{world.system(), store};
  auto role = GENERATE(as<std::string>{}, "careful", "careless");
  CAPTURE(role);
  player publisher{uri, role, 0};
  publisher.wait();
  // The values are written, nothing leads to them yet; the clock goes on.
  REQUIRE(client.put("tick", 1));
  auto last_write = client.meta("tick")->last_write;
  while (client.meta("tick")->last_write == last_write)
    REQUIRE(client.put("tick", 1));
  REQUIRE(sweep(client, sweep_of(1, 100)));
  publisher.go_on();
  publisher.wait();
  auto found = reachable(client, 1);
  CHECK(found.has_value() == (role == "careful"));
  if (found)
    CHECK(found->size() == 9);
  REQUIRE(client.erase(root_of(0)));
}

TEST_CASE("no live key is swept, whoever is killed, and no garbage stays") {
  temp_dir tmp;
  auto uri = "file:" + tmp / "store?sync=off";
  std::mt19937 rng{Catch::rngSeed()};
  {
    threaded_world world;
    world.spawn(config_of(uri));
  }
  for (auto round = 0; round < 5; ++round) {
    {
      std::vector<std::unique_ptr<player>> all;
      for (size_t i = 0; i < publishers; ++i)
        all.push_back(std::make_unique<player>(uri, "publisher", i));
      all.push_back(std::make_unique<player>(uri, "sweeper", 0));
      all.push_back(std::make_unique<player>(uri, "sweeper", 1));
      // Each gets something done, then one after the other is killed.
      for (auto& x : all)
        for (auto n = 3 + rng() % 5; n > 0; --n)
          x->wait();
      std::shuffle(all.begin(), all.end(), rng);
      while (!all.empty()) {
        all.back()->kill();
        all.pop_back();
        if (!all.empty())
          all[rng() % all.size()]->wait();
      }
    }
    // Much later, when the publications of the dead have run out.
    threaded_world world;
    blocking_client client{world.system(), world.spawn(config_of(uri, 2h))};
    auto alive = reachable(client, publishers);
    REQUIRE(alive);
    CHECK(alive->size() == 9 * publishers);
    CHECK(all_keys(client).size() >= alive->size());
    auto done = sweep(client, sweep_of(publishers, 2 + rng() % 999));
    REQUIRE(done);
    CHECK(done->undecided == 0);
    CHECK(done->marked == alive->size());
    CHECK(all_keys(client) == *alive);
  }
}
