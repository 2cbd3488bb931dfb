// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Several real processes on one LMDB store.

#include "backends/child_process.hpp"
#include "lmdb_tools.hpp"

#include <lmdb.h>

using namespace lmdb_tools;
using file_tools::child;
using file_tools::increment;
using file_tools::number_of;
using file_tools::numbered;
using file_tools::send;
using file_tools::starting_line;

namespace {

/// Number of staged blobs and of chunks in the data file of a closed store.
std::pair<size_t, size_t> stages_and_chunks(const std::string& dir) {
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_open(env, (dir + "/larder.mdb").c_str(),
                       MDB_NOSUBDIR | MDB_RDONLY, 0666)
          == 0);
  MDB_txn* txn = nullptr;
  REQUIRE(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == 0);
  MDB_dbi dbi = 0;
  REQUIRE(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
  MDB_cursor* cursor = nullptr;
  REQUIRE(mdb_cursor_open(txn, dbi, &cursor) == 0);
  std::pair<size_t, size_t> result;
  MDB_val key{};
  MDB_val data{};
  while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0) {
    auto kind = *static_cast<uint8_t*>(key.mv_data);
    result.first += kind == 0x20;
    result.second += kind == 0x30;
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  mdb_env_close(env);
  return result;
}

constexpr size_t big = size_t{20} << 20;

} // namespace

TEST_CASE("processes that increment one key of an LMDB store lose no update") {
  constexpr uint64_t num_children = 4;
  constexpr int increments = 100;
  temp_dir tmp;
  auto store = create(at(tmp / "store"));
  REQUIRE(commit_one(*store, put("\"counter", numbered(0))));
  starting_line line;
  std::vector<child> children;
  for (uint64_t i = 0; i < num_children; ++i)
    children.emplace_back([&](int out) {
      auto mine = the_engine().open(at(tmp / "store"));
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

TEST_CASE("a killed reader does not keep pages from being used again") {
  temp_dir tmp;
  create(at(tmp / "store"));
  child reader{[&](int out) {
    // A snapshot that its owner never ends, which the engine cannot do.
    MDB_env* env = nullptr;
    mdb_env_create(&env);
    auto path = tmp / "store/larder.mdb";
    MDB_txn* txn = nullptr;
    auto rc = mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0666);
    if (rc == 0)
      rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
    send(out, rc == 0);
    for (;;)
      ::pause();
  }};
  REQUIRE(reader.next() == 1u);
  auto store = open(fast(tmp / "store"));
  auto replace = [&] {
    for (int i = 0; i < 30; ++i)
      REQUIRE(commit_one(*store, put("key", filled(uint8_t(i), 500'000))));
    return figure(*store, "map-bytes");
  };
  auto grown = replace();
  CHECK(grown > 8u << 20); // the reader needs all that was
  reader.kill();
  for (int i = 0; i < 5; ++i)
    CHECK(replace() == grown);
  CHECK(figure(*store, "reusable-bytes") > 8u << 20);
}

TEST_CASE("what a killed LMDB writer was answered is there, and nothing is "
          "torn") {
  constexpr uint64_t num_keys = 7;
  constexpr size_t padding = 20'000;
  temp_dir tmp;
  create(at(tmp / "store"));
  std::map<uint64_t, uint64_t> acked; // slot -> number
  uint64_t number = 0;
  for (int round = 0; round < 5; ++round) {
    child writer{[&](int out) {
      auto mine = the_engine().open(at(tmp / "store"));
      for (auto n = number + 1; mine; ++n) {
        auto x
          = put("key" + std::to_string(n % num_keys), numbered(n, padding));
        if (!(*mine)->commit({&x, 1})[0])
          ::_exit(1);
        send(out, n);
      }
    }};
    for (int i = 0; i < 15 + round; ++i) {
      auto n = writer.next();
      REQUIRE(n);
      acked[*n % num_keys] = *n;
    }
    writer.kill();
    while (auto n = writer.next())
      acked[*n % num_keys] = *n;
    auto store = open(at(tmp / "store"));
    for (auto [slot, least] : acked) {
      auto found = get(*store, "key" + std::to_string(slot));
      REQUIRE(found);
      auto n = number_of(*found);
      CHECK(n >= least);
      CHECK(n % num_keys == slot);
      CHECK(*found == [&] {
        auto wanted = *numbered(n, padding); // but for the revision
        std::copy(found->begin(), found->begin() + header::size_v2,
                  wanted.begin());
        return wanted;
      }());
      number = std::max(number, n);
    }
  }
}

TEST_CASE("what a process stages is swept by the next writer once it is dead") {
  temp_dir tmp;
  create(fast(tmp / "store"));
  child stager{[&](int out) {
    auto mine = the_engine().open(fast(tmp / "store"));
    auto staged = (*mine)->stage("key", 10);
    send(out, staged && (*staged)->append(bytes(big)));
    for (;;)
      ::pause();
  }};
  REQUIRE(stager.next() == 1u);
  auto write = [&] {
    REQUIRE(commit_one(*open(fast(tmp / "store")), put("key", filled(1, 10))));
  };
  auto used = [&] { return figure(*open(fast(tmp / "store")), "used-bytes"); };
  write();
  CHECK(used() > big / 2);
  stager.kill();
  get(*open(fast(tmp / "store")), "key");
  CHECK(used() > big / 2); // reading changes nothing
  write();
  CHECK(used() < big / 100);
  auto [stages, chunks] = stages_and_chunks(tmp / "store");
  CHECK(stages == 0);
  CHECK(chunks == 0);
}

TEST_CASE("a staged blob that is given up leaves nothing in the file") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  auto staged = store->stage("key", 10);
  REQUIRE((*staged)->append(bytes(big)));
  CHECK(figure(*store, "stages") == 1);
  staged->reset();
  CHECK(figure(*store, "stages") == 0);
  store.reset();
  CHECK(stages_and_chunks(tmp / "store") == std::pair<size_t, size_t>{});
}

TEST_CASE("a store that was opened before a fork is refused in the child") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  child forked{[&](int out) {
    auto x = put("a", filled(1, 10));
    auto outcome = std::move(store->commit({&x, 1})[0]);
    send(out, !outcome && outcome.error() == errc::closed);
    auto mine = the_engine().open(fast(tmp / "store"));
    send(out, mine && (*mine)->commit({&x, 1})[0]);
  }};
  CHECK(forked.next() == 1u);
  CHECK(forked.next() == 1u);
  CHECK(get(*store, "a"));
}
