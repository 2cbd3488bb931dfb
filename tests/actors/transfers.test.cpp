// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Transactions on real threads and in several processes: money that moves
/// between accounts, and histories of what clients saw.

#include "engines.hpp"
#include "serializability.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"
#include "transactions.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <latch>
#include <random>

using namespace larder;
using namespace larder::test;

namespace {

// -- a bank -------------------------------------------------------------------

constexpr size_t accounts = 100;
constexpr int64_t first_balance = 1000;

value account(size_t i) {
  return value::vector({"account", static_cast<int64_t>(i)});
}

std::vector<value> all_accounts() {
  std::vector<value> result;
  for (size_t i = 0; i < accounts; ++i)
    result.push_back(account(i));
  return result;
}

void open_accounts(blocking_client& client) {
  std::vector<std::pair<value, value>> entries;
  for (auto& key : all_accounts())
    entries.emplace_back(key, first_balance);
  REQUIRE(client.multi_put(std::move(entries)));
}

update_request change(const value& key, std::string function, int64_t amount) {
  update_request result;
  result.key = key;
  result.function = std::move(function);
  result.arguments = {amount};
  return result;
}

/// Moves a random amount between random accounts.
expected<transact_reply> transfer(blocking_client& client,
                                  std::mt19937_64& rng) {
  auto from = rng() % accounts;
  auto to = (from + 1 + rng() % (accounts - 1)) % accounts;
  auto amount = static_cast<int64_t>(rng() % 100);
  return client.transact(transact({change(account(from), "add", -amount),
                                   change(account(to), "add", amount)}));
}

/// What is in all accounts at one point in time; nothing if one is missing.
std::optional<int64_t> sum(blocking_client& client) {
  auto found = client.multi_get(all_accounts());
  if (!found || found->size() != accounts)
    return std::nullopt;
  int64_t result = 0;
  for (auto& x : *found)
    result += x.content.as_integer();
  return result;
}

constexpr auto total = static_cast<int64_t>(accounts) * first_balance;

bool file_engine_has_groups() {
  temp_dir dir;
  auto config = open_store("file:" + (dir / "store"));
  REQUIRE(config);
  return config->engine->caps().atomic_groups;
}

// -- other processes ----------------------------------------------------------

constexpr auto store_variable = "LARDER_TEST_STORE";

/// Another process that moves money until it is killed, and says so.
class banker_process {
public:
  explicit banker_process(const std::string& uri) {
    int output[2];
    REQUIRE(pipe2(output, O_CLOEXEC) == 0);
    setenv(store_variable, uri.c_str(), 1);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      dup2(output[1], STDOUT_FILENO);
      execl("/proc/self/exe", "banker", "[.banker]", nullptr);
      _exit(127);
    }
    ::close(output[1]);
    output_ = output[0];
  }

  ~banker_process() {
    kill();
    ::close(output_);
  }

  /// Waits until it has moved money `n` times more.
  bool wait_for(int n) {
    for (char c = 0; n > 0; n -= c == '.' ? 1 : 0)
      if (::read(output_, &c, 1) != 1)
        return false;
    return true;
  }

  void kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

private:
  pid_t pid_ = -1;
  int output_ = -1;
};

} // namespace

// Run by `banker_process` in a process of its own.
TEST_CASE("a banker in another process", "[.banker]") {
  auto uri = std::getenv(store_variable);
  if (uri == nullptr)
    return;
  threaded_world world;
  auto store = world.spawn(std::string_view{uri});
  in_threads(4, [&](size_t i) {
    blocking_client client{world.system(), store};
    std::mt19937_64 rng{std::random_device{}() + i};
    for (;;)
      if (transfer(client, rng) && ::write(STDOUT_FILENO, ".", 1) != 1)
        ::_exit(1);
  });
}

// -- the bank -----------------------------------------------------------------

TEST_CASE("money that moves between accounts is never lost or doubled") {
  temp_dir dir;
  auto on_files = GENERATE(false, true);
  if (on_files && !file_engine_has_groups())
    return;
  auto transfers = on_files ? 25 : 1000;
  threaded_world world;
  auto config = open_store(
    on_files ? "file:" + (dir / "bank") + "?shared=no&sync=off" : "memory:");
  REQUIRE(config);
  config->hold_timeout = {}; // the machine may be slow: nobody is given up
  auto store = world.spawn(std::move(*config));
  blocking_client client{world.system(), store, patient()};
  open_accounts(client);
  std::atomic<size_t> writing = 8;
  std::atomic<size_t> sums = 0;
  std::atomic<size_t> wrong = 0;
  std::atomic<size_t> failed = 0;
  in_threads(10, [&](size_t i) {
    blocking_client mine{world.system(), store, patient()};
    if (i >= 8) {
      do {
        wrong += sum(mine) == total ? 0 : 1;
        ++sums;
      } while (writing > 0);
      return;
    }
    std::mt19937_64 rng{i};
    for (auto n = 0; n < transfers; ++n)
      failed += transfer(mine, rng) ? 0 : 1;
    --writing;
  });
  CHECK(failed == 0);
  CHECK(wrong == 0);
  CHECK(sums > 1);
  CHECK(sum(client) == total);
  // They were in each other's way.
  CHECK(statistic(client, "transactions", "waits") > 0);
  CHECK(statistic(client, "transactions", "revoked") == 0);
}

TEST_CASE("a killed bank has all its money when it is opened again") {
  if (!file_engine_has_groups()) {
    WARN("the file engine has no groups");
    return;
  }
  temp_dir dir;
  // A kill does not lose what the system has been told: no need to sync.
  auto uri = "file:" + (dir / "bank") + "?sync=off";
  {
    threaded_world world;
    blocking_client client{world.system(), world.spawn(uri), patient()};
    open_accounts(client);
  }
  for (auto round = 1; round <= 3; ++round) {
    banker_process banker{uri};
    REQUIRE(banker.wait_for(10 * round));
    banker.kill();
    threaded_world world;
    blocking_client client{world.system(), world.spawn(uri), patient()};
    CHECK(sum(client) == total);
  }
}

TEST_CASE("two processes move money in one bank") {
  if (!file_engine_has_groups()) {
    WARN("the file engine has no groups");
    return;
  }
  temp_dir dir;
  auto uri = "file:" + (dir / "bank") + "?sync=off";
  threaded_world world;
  auto store = world.spawn(uri);
  blocking_client client{world.system(), store, patient()};
  open_accounts(client);
  banker_process banker{uri};
  REQUIRE(banker.wait_for(1));
  std::mt19937_64 rng{7};
  auto moved = 0;
  for (auto n = 0; n < 20; ++n) {
    moved += transfer(client, rng) ? 1 : 0;
    auto now = sum(client);
    // Who always loses is told so; who is answered is answered the truth.
    CHECK(now.value_or(total) == total);
  }
  CHECK(moved > 0);
  CHECK(banker.wait_for(1));
  banker.kill();
  CHECK(sum(client) == total);
}

// -- histories ----------------------------------------------------------------

TEST_CASE("transactions happen as if one after the other") {
  constexpr size_t clients = 4;
  constexpr size_t keys = 3;
  constexpr size_t steps = 60;
  threaded_world world;
  auto config = open_store("memory:");
  REQUIRE(config);
  config->key_actors = keys;
  config->hold_timeout = {};
  auto store = world.spawn(std::move(*config));
  auto key = [](size_t i) { return key_of(i, keys); };
  std::atomic<uint64_t> clock = 0;
  std::vector<transactions_seen> seen(clients);
  std::atomic<size_t> failed = 0;
  in_threads(clients, [&](size_t me) {
    blocking_client client{world.system(), store, patient()};
    std::mt19937_64 rng{me + 1};
    auto fresh = [&, n = int64_t{0}]() mutable {
      return static_cast<int64_t>(me) * 1'000'000 + ++n;
    };
    for (size_t step = 0; step < steps; ++step) {
      transaction_seen x;
      x.invoked = ++clock;
      if (rng() % 3 == 0) {
        auto reply = client.multi_get({key(0), key(1), key(2)});
        failed += reply ? 0 : 1;
        auto found = reply ? *reply : std::vector<found_value>{};
        for (size_t i = 0; i < keys; ++i) {
          auto at = std::find_if(found.begin(), found.end(),
                                 [&](auto& y) { return y.key == key(i); });
          x.read.emplace_back(i,
                              at == found.end() ? 0 : at->content.as_integer());
        }
      } else {
        transact_request request;
        auto first = rng() % keys;
        auto second = (first + 1 + rng() % (keys - 1)) % keys;
        request.then_operations.emplace_back(
          get_request{key(first), {}, value{0}});
        put_request put;
        put.key = key(second);
        put.content = fresh();
        request.then_operations.emplace_back(put);
        x.written.emplace_back(second, put.content.as_integer());
        auto reply = client.transact(request);
        if (!reply)
          ++failed;
        else
          x.read.emplace_back(
            first, std::get<get_reply>(reply->results[0]).content.as_integer());
      }
      x.returned = ++clock;
      seen[me].push_back(std::move(x));
    }
  });
  REQUIRE(failed == 0);
  CHECK(serializability_checker{seen, world_state(keys)}.run());
}

TEST_CASE("the checker of transactions notices what cannot have happened") {
  transaction_seen both;
  both.returned = 1;
  both.written = {{0, 1}, {1, 1}};
  transaction_seen half;
  half.returned = 5;
  half.read = {{0, 1}, {1, 0}};
  std::vector<transactions_seen> torn{{both}, {half}};
  CHECK_FALSE(serializability_checker{torn, world_state(2)}.run());
  transaction_seen stale;
  stale.invoked = 2;
  stale.returned = 3;
  stale.read = {{0, 0}, {1, 0}};
  std::vector<transactions_seen> late{{both}, {stale}};
  CHECK_FALSE(serializability_checker{late, world_state(2)}.run());
  late[1][0].invoked = 0;
  CHECK(serializability_checker{late, world_state(2)}.run());
}

// -- functions that do not return ---------------------------------------------

TEST_CASE("a function that stalls does not keep the keys of others") {
  constexpr size_t owners = 2;
  auto a = key_of(0, owners);
  auto b = key_of(1, owners);
  std::latch freed{1};
  threaded_world world;
  auto config = open_store("memory:");
  REQUIRE(config);
  config->key_actors = owners;
  config->hold_timeout = std::chrono::milliseconds{20};
  REQUIRE(config->functions.add(
    "stall", [&](const value*, std::span<const value>) -> expected<value> {
      freed.wait();
      return 1;
    }));
  auto store = world.spawn(std::move(*config));
  blocking_client client{world.system(), store};
  REQUIRE(client.put(a, 0));
  // `b` is the last: its key actor runs the function.
  auto stalled
    = client.async(transact({change(a, "add", 1), change(b, "stall", 0)}));
  // It holds `a` until it is given up.
  while (statistic(client, "transactions", "revoked") == 0)
    std::this_thread::yield();
  CHECK(client.put(a, 5));
  freed.count_down();
  auto result = stalled.get();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::timeout);
  CHECK(client.get(a) == value{5});
  CHECK_FALSE(*client.exists(b));
}
