// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Several real processes on one file store.

#include "backends/child_process.hpp"
#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

using namespace file_tools;
using namespace std::literals;

TEST_CASE("processes that increment one key lose no update") {
  constexpr uint64_t num_children = 4;
  constexpr uint64_t increments = 250;
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto store = create(config);
  REQUIRE(commit_one(*store, put("\"counter", numbered(0))));
  starting_line line;
  std::vector<child> children;
  for (uint64_t i = 0; i < num_children; ++i)
    children.emplace_back([&](int out) {
      auto mine = try_open(config);
      auto lost = mine ? increment(**mine, increments, [&] { line.wait(out); })
                       : std::nullopt;
      send(out, lost.value_or(UINT64_MAX));
    });
  line.start(children);
  uint64_t lost = 0;
  for (auto& x : children) {
    auto answer = x.next();
    REQUIRE(answer);
    REQUIRE(*answer != UINT64_MAX);
    lost += *answer;
  }
  CHECK(number_of(*get(*store, "\"counter")) == num_children * increments);
  CHECK(lost >= num_children - 1); // they did get in each other's way
}

TEST_CASE("processes that create one key have one winner") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto store = create(config);
  constexpr int num_keys = 100;
  std::vector<child> children;
  for (uint64_t i = 0; i < 3; ++i)
    children.emplace_back([&](int out) {
      auto mine = try_open(config);
      if (!mine)
        ::_exit(1);
      uint64_t won = 0;
      for (int k = 0; k < num_keys; ++k) {
        auto x = put("\"key-" + std::to_string(k), numbered(i),
                     precondition::absent());
        won += (*mine)->commit({&x, 1})[0].has_value();
      }
      send(out, won);
    });
  uint64_t won = 0;
  for (auto& x : children) {
    auto answer = x.next();
    REQUIRE(answer);
    won += *answer;
  }
  CHECK(won == num_keys);
}

TEST_CASE("what a killed process was answered is there, and nothing is torn") {
  constexpr uint64_t num_keys = 7;
  constexpr size_t padding = 20000;
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  create(config);
  std::map<uint64_t, uint64_t> acked; // slot -> number
  uint64_t number = 0;
  for (int round = 0; round < 8; ++round) {
    child writer{[&](int out) {
      auto mine = try_open(config);
      for (auto n = number + 1; mine; ++n) {
        auto x
          = put("\"key-" + std::to_string(n % num_keys), numbered(n, padding));
        if (!(*mine)->commit({&x, 1})[0])
          ::_exit(1);
        send(out, n);
      }
    }};
    for (int i = 0; i < 20 + round; ++i) {
      auto n = writer.next();
      REQUIRE(n);
      acked[*n % num_keys] = *n;
    }
    writer.kill();
    while (auto n = writer.next())
      acked[*n % num_keys] = *n;
    auto store = open(config);
    for (auto [slot, least] : acked) {
      auto found = get(*store, "\"key-" + std::to_string(slot));
      REQUIRE(found);
      auto n = number_of(*found);
      CHECK(n >= least);
      CHECK(n % num_keys == slot);
      CHECK(found->size() == header::size_v2 + 8 + padding);
      CHECK(
        std::all_of(found->begin() + header::size_v2 + 8, found->end(),
                    [&](auto x) { return x == static_cast<std::byte>(n); }));
      number = std::max(number, n);
    }
    CHECK(keys(*store).size() == num_keys);
  }
  // The first writes after the last kill sweep what it left.
  auto store = open(config);
  for (uint64_t slot = 0; slot < num_keys; ++slot)
    REQUIRE(
      commit_one(*store, put("\"key-" + std::to_string(slot), numbered(slot))));
  CHECK(files_below(config.dir).size() == num_keys + 2);
}

TEST_CASE("an exclusive process refuses others by name and frees when killed") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  create(config);
  auto exclusive = config;
  exclusive.shared = false;
  child holder{[&](int out) {
    auto mine = try_open(exclusive);
    send(out, mine.has_value());
    for (;;)
      ::pause();
  }};
  REQUIRE(holder.next() == 1u);
  for (auto& x : {config, exclusive}) {
    auto refused = try_open(x);
    REQUIRE(!refused);
    CHECK(refused.error() == errc::locked);
    CHECK(refused.error().message().find(std::to_string(holder.pid()))
          != std::string::npos);
  }
  holder.kill();
  CHECK(try_open(exclusive));
}

TEST_CASE("a staged blob of another process is swept only when that has died") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  create(config);
  child stager{[&](int out) {
    auto mine = try_open(config);
    auto staged = (*mine)->stage("\"key", 10);
    send(out, staged && (*staged)->append(bytes(1000)));
    for (;;)
      ::pause();
  }};
  REQUIRE(stager.next() == 1u);
  REQUIRE(commit_one(*open(config), put("\"key", numbered(1))));
  CHECK(files_below(config.dir).size() == 4);
  stager.kill();
  REQUIRE(commit_one(*open(config), put("\"key", numbered(2))));
  CHECK(files_below(config.dir).size() == 3);
}
