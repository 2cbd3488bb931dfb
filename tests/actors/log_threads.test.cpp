// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Append logs on threads, on files, in several processes and over connections.

#include "engines.hpp"
#include "log_tools.hpp"
#include "remote_fixture.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>

using namespace larder;
using namespace larder::test;

namespace {

/// The entries of a log from its beginning, page by page.
std::vector<value> all(blocking_client& client, const value& key) {
  std::vector<value> result;
  for (auto page = client.read_log(key);;
       page = client.read_log(key, page->next)) {
    REQUIRE(page);
    if (page->entries.empty())
      return result;
    result.insert(result.end(), page->entries.begin(), page->entries.end());
  }
}

/// What one of several appenders adds: its number and that of the entry.
value stamped(size_t who, int number) {
  return value::vector({who, number});
}

/// Appends with several requests under way and checks that their positions
/// ascend, as they must for one client.
std::vector<uint64_t> append_many(blocking_client& client, const value& key,
                                  size_t who, int n) {
  std::deque<std::future<expected<append_reply>>> under_way;
  std::vector<uint64_t> positions;
  auto take = [&] {
    auto reply = under_way.front().get();
    under_way.pop_front();
    if (reply)
      positions.push_back(reply->first);
  };
  for (auto i = 0; i < n; ++i) {
    if (under_way.size() == 16)
      take();
    under_way.push_back(client.async(append(key, {stamped(who, i)})));
  }
  while (!under_way.empty())
    take();
  return positions;
}

/// Whether each appender finds its entries where it was told.
void check_entries(const std::vector<value>& entries,
                   const std::vector<std::vector<uint64_t>>& positions, int n) {
  REQUIRE(entries.size() == positions.size() * static_cast<size_t>(n));
  for (size_t who = 0; who < positions.size(); ++who) {
    REQUIRE(positions[who].size() == static_cast<size_t>(n));
    REQUIRE(std::is_sorted(positions[who].begin(), positions[who].end()));
    for (auto i = 0; i < n; ++i)
      REQUIRE(entries.at(positions[who][static_cast<size_t>(i)])
              == stamped(who, i));
  }
}

} // namespace

TEST_CASE("concurrent appenders lose nothing and share no position") {
  constexpr size_t appenders = 8;
  constexpr int each = 500;
  threaded_world world;
  auto store = world.spawn("memory:");
  std::vector<std::vector<uint64_t>> positions(appenders);
  in_threads(appenders, [&](size_t i) {
    blocking_client client{world.system(), store};
    positions[i] = append_many(client, "log", i, each);
  });
  blocking_client client{world.system(), store};
  check_entries(all(client, "log"), positions, each);
  REQUIRE(client.call(verify_request{"log"}));
}

TEST_CASE("readers see a log grow and shrink without a gap") {
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client first{world.system(), store};
  REQUIRE(first.append("log", numbers(0, 1)));
  std::atomic<bool> done{false};
  in_threads(3, [&](size_t who) {
    blocking_client client{world.system(), store};
    if (who == 0) {
      for (uint64_t end = 1; end < 60'000; end += 300) {
        static_cast<void>(client.append("log", numbers(end, end + 300)));
        if (end > 3000)
          static_cast<void>(client.truncate_log("log", end - 3000));
      }
      done = true;
      return;
    }
    // What comes is what was appended at that position, whatever is removed.
    auto wrong = 0;
    uint64_t from = 0;
    while (!done) {
      auto page = client.read_log("log", from, who == 1 ? 1000 : 10);
      if (!page || page->entries != numbers(page->from, page->next))
        ++wrong;
      from = page ? page->next : 0;
    }
    if (wrong > 0)
      FAIL_CHECK("a reader saw " << wrong << " wrong pages");
  });
}

TEST_CASE("a log of a million entries is as good as a small one") {
  constexpr uint64_t size = 1'000'000;
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client client{world.system(), store};
  for (uint64_t at = 0; at < size; at += 10'000)
    REQUIRE(client.append("log", numbers(at, at + 10'000))->first == at);
  CHECK(client.read_log("log", 765'432, 3)->entries
        == numbers(765'432, 765'435));
  CHECK(client.read_newest("log", 2)->entries == numbers(size - 2, size));
  CHECK(client.reduce_log("log", "add") == value{size * (size - 1) / 2});
  CHECK(client.truncate_log("log", size - 10) == size - 10);
  CHECK(all(client, "log") == numbers(size - 10, size));
  CHECK(client.erase("log") == true);
}

TEST_CASE("a log on files comes back, and leaves no file when it is erased") {
  temp_dir dir;
  auto uri = "file:" + (dir.path() / "store").string();
  std::vector<std::vector<uint64_t>> positions(4);
  {
    threaded_world world;
    auto store = world.spawn(uri);
    in_threads(4, [&](size_t i) {
      blocking_client client{world.system(), store};
      positions[i] = append_many(client, "log", i, 200);
    });
  }
  threaded_world world;
  auto store = world.spawn(uri);
  blocking_client client{world.system(), store};
  check_entries(all(client, "log"), positions, 200);
  CHECK(client.truncate_log("log", 300) == 300);
  REQUIRE(client.append("log", large_entries(300)));
  REQUIRE(client.call(verify_request{"log"}));
  CHECK(client.erase("log") == true);
  world.close();
  auto engine = open_store(uri);
  REQUIRE(engine);
  CHECK(raw_keys(*engine->engine).empty());
}

TEST_CASE("two processes append to one log on files") {
  temp_dir dir;
  auto uri = "file:" + (dir.path() / "store").string();
  constexpr int each = 150;
  REQUIRE(open_store(uri));
  // The child is forked before there are threads.
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto good = false;
    {
      threaded_world world;
      auto store = world.spawn(uri);
      blocking_client client{world.system(), store};
      good = append_many(client, "log", 1, each).size() == each;
    }
    ::_exit(good ? 0 : 1);
  }
  {
    threaded_world world;
    auto store = world.spawn(uri);
    blocking_client client{world.system(), store};
    CHECK(append_many(client, "log", 0, each).size() == each);
  }
  auto status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  threaded_world world;
  auto store = world.spawn(uri);
  blocking_client client{world.system(), store};
  auto entries = all(client, "log");
  CHECK(entries.size() == 2 * each);
  int next[] = {0, 0};
  for (auto& x : entries) {
    auto who = static_cast<size_t>(x.items()[0].as_integer());
    CHECK(x.items()[1] == value{next[who]++});
  }
  CHECK(client.call(verify_request{"log"}));
}

TEST_CASE("a log can be used from another process") {
  remote_test::peer server;
  remote_test::peer here;
  auto store = spawn_store(server.system(), "memory:");
  REQUIRE(store);
  auto hdl = server.own(*store);
  auto connection = here.connect(server.serve(hdl).port);
  blocking_client client{here.system(), connection};
  put_options options;
  options.extras = value::map({{"owner", "ada"}});
  auto reply = client.append("log", numbers(0, 1000), options);
  REQUIRE(reply);
  CHECK(reply->count == 1000);
  CHECK(client.meta("log")->extras == options.extras);
  CHECK(client.read_log("log", 500, 2)->entries == numbers(500, 502));
  CHECK(client.read_newest("log", 2)->entries == numbers(998, 1000));
  CHECK(client.reduce_log("log", "max", {}, 5) == value{999});
  CHECK(client.truncate_log("log", 990) == 990);
  CHECK(all(client, "log") == numbers(990, 1000));
  CHECK(client.get("log").error() == errc::wrong_type);
  CHECK(client.erase("log") == true);
  CHECK(client.read_log("log").error() == errc::not_found);
}
