// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/sqlite/sqlite_tools.hpp"
#include "sanitizers.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <thread>

using namespace sqlite_tools;

namespace {

void expect_refused(const std::string& path, errc opening, errc creating) {
  CAPTURE(path);
  auto opened = sqlite().open(uri_of(path));
  REQUIRE(!opened);
  CAPTURE(to_string(opened.error()));
  CHECK(opened.error() == opening);
  auto destroyed = sqlite().destroy(uri_of(path));
  REQUIRE(!destroyed);
  CHECK(destroyed.error() == opening);
  auto created = sqlite().create(uri_of(path));
  REQUIRE(!created);
  CHECK(created.error() == creating);
}

/// Runs a Python script with the path of a database and returns what it prints.
std::string run_python(const std::string& script, const std::string& path) {
  auto command = std::string{LARDER_PYTHON} + " -c '" + script + "' '" + path
                 + "' 2>&1";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"),
                                             ::pclose};
  REQUIRE(pipe);
  std::string result;
  std::array<char, 4096> buffer{};
  while (auto n = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    result.append(buffer.data(), n);
  return result;
}

void execute(const std::string& path, const char* statements) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, statements, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

uint64_t figure(const backend& store, const std::string& name) {
  for (auto& x : store.figures())
    if (x.name == name)
      return x.amount;
  FAIL("there is no figure " + name);
  return 0;
}

/// A byte that depends on its offset, also far behind.
std::byte byte_at(uint64_t offset) {
  return static_cast<std::byte>(offset * 31 + (offset >> 16) * 7);
}

} // namespace

// -- what is no store ---------------------------------------------------------

TEST_CASE("files of other programs are refused by the SQLite engine") {
  temp_dir tmp;
  write_file(tmp / "text", std::string(10'000, 't'));
  expect_refused(tmp / "text", errc::corruption, errc::invalid_argument);
  CHECK(slurp(tmp / "text") == std::string(10'000, 't'));
  execute(tmp / "other", "CREATE TABLE t(x)");
  expect_refused(tmp / "other", errc::invalid_argument, errc::invalid_argument);
  CHECK(sqlite().exists(uri_of(tmp / "other")) == false);
  execute(tmp / "app", "PRAGMA application_id=42");
  expect_refused(tmp / "app", errc::invalid_argument, errc::invalid_argument);
  std::filesystem::create_directory(tmp / "dir");
  expect_refused(tmp / "dir", errc::invalid_argument, errc::invalid_argument);
}

TEST_CASE("an empty file is no SQLite store and is not replaced") {
  temp_dir tmp;
  write_file(tmp / "db", "");
  CHECK(sqlite().exists(uri_of(tmp / "db")) == false);
  auto opened = sqlite().open(uri_of(tmp / "db"));
  REQUIRE(!opened);
  CHECK(opened.error() == errc::not_found);
  auto created = sqlite().create(uri_of(tmp / "db"));
  REQUIRE(!created);
  CHECK(created.error() == errc::invalid_argument);
  CHECK(std::filesystem::file_size(tmp / "db") == 0);
}

TEST_CASE("a SQLite store of a newer format is not touched") {
  temp_dir tmp;
  create(tmp / "db");
  execute(tmp / "db", "PRAGMA user_version=2");
  CHECK(sqlite().exists(uri_of(tmp / "db")) == true);
  auto opened = sqlite().open(uri_of(tmp / "db"));
  REQUIRE(!opened);
  CHECK(opened.error() == errc::unsupported);
  CHECK(opened.error().message().find("format 2") != std::string::npos);
  auto created = sqlite().create(uri_of(tmp / "db"));
  REQUIRE(!created);
  CHECK(created.error() == errc::already_exists);
  REQUIRE(sqlite().destroy(uri_of(tmp / "db")));
}

TEST_CASE("a damaged SQLite store is corrupt, never empty or wrong") {
  temp_dir tmp;
  std::map<std::string, bytes> blobs;
  {
    auto store = create(tmp / "db");
    for (uint8_t i = 1; i <= 100; ++i) {
      auto key = "key " + std::to_string(i);
      auto x = blob(i, std::string(3000 * (i % 3), char(i)));
      blobs[key] = *x;
      REQUIRE(commit_one(*store, put(key, x)));
    }
  }
  auto whole = slurp(tmp / "db");
  auto pages = whole.size() / 4096;
  size_t corrupt = 0;
  auto check = [&] {
    auto store = sqlite().open(uri_of(tmp / "db"));
    if (!store) {
      CHECK(store.error() == errc::corruption);
      ++corrupt;
      return;
    }
    for (auto& [key, content] : blobs) {
      auto found = read_one(**store, {key, blob_part::all, 0, 0, {}});
      if (!found) {
        CHECK(found.error() == errc::corruption);
        ++corrupt;
      }
    }
  };
  for (size_t page = 0; page < pages; page += 7) {
    CAPTURE(page);
    auto damaged = whole;
    std::fill_n(damaged.begin() + static_cast<ptrdiff_t>(page * 4096), 4096,
                '\xA5');
    write_file(tmp / "db", damaged);
    check();
  }
  CHECK(corrupt > pages / 7);
  corrupt = 0;
  write_file(tmp / "db", whole.substr(0, whole.size() / 2));
  check();
  CHECK(corrupt > 0);
  write_file(tmp / "db", whole);
  auto store = open(tmp / "db");
  for (auto& [key, content] : blobs)
    CHECK(*get(*store, key) == content);
}

TEST_CASE("rows that do not fit together are corruption") {
  temp_dir tmp;
  auto large = blob(1, std::string(400'000, 'x'));
  auto store = create(tmp / "db");
  for (auto key : {"small", "whole"})
    REQUIRE(commit_one(*store, put(key, blob(1, std::string(100, 'x')))));
  for (auto key : {"missing", "short"})
    REQUIRE(commit_one(*store, put(key, large)));
  execute(tmp / "db", R"(
    UPDATE blobs SET size = size + 1 WHERE key = x'736d616c6c';
    DELETE FROM chunks WHERE id = 2 + (SELECT first_chunk FROM blobs
                                       WHERE key = x'6d697373696e67');
    UPDATE chunks SET data = x'00' WHERE id = 2 +
      (SELECT first_chunk FROM blobs WHERE key = x'73686f7274');)");
  for (auto key : {"small", "missing", "short"}) {
    CAPTURE(key);
    auto found = read_one(*store, {key, blob_part::all, 0, 0, {}});
    REQUIRE(!found);
    CHECK(found.error() == errc::corruption);
  }
  CHECK(get(*store, "whole"));
  CHECK(keys(*store).size() == 4);
}

TEST_CASE("the SQLite engine checks its options") {
  temp_dir tmp;
  auto refused = [&](options opts) {
    auto x = sqlite().create(uri_of(tmp / "db", std::move(opts)));
    REQUIRE(!x);
    CHECK(x.error() == errc::invalid_argument);
  };
  refused({{"sync", "perhaps"}});
  refused({{"busy-timeout", "-1"}});
  refused({{"busy-timeout", "86400001"}});
  refused({{"readers", "0"}});
  refused({{"readers", "257"}});
  for (auto x : {uri{"sqlite", {}, "", {}}, uri{"sqlite", {}, "dir/", {}},
                 uri{"sqlite", "host", "/x", {}}}) {
    auto created = sqlite().create(x);
    REQUIRE(!created);
    CHECK(created.error() == errc::invalid_argument);
  }
  auto nowhere = sqlite().create(uri_of(tmp / "missing/db"));
  REQUIRE(!nowhere);
  CHECK(nowhere.error() == errc::io_error);
  CHECK(std::filesystem::is_empty(tmp.path()));
  CHECK(!create(tmp / "db", {{"sync", "off"}})->caps().durable);
  CHECK(open(tmp / "db")->caps().durable);
}

TEST_CASE("a SQLite store that this process has open is not destroyed") {
  temp_dir tmp;
  auto store = create(tmp / "db");
  auto other = open(tmp / "db");
  store.reset();
  auto refused = sqlite().destroy(uri_of(tmp / "db"));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::locked);
  REQUIRE(commit_one(*other, put("a", blob(1, "x"))));
  other.reset();
  REQUIRE(sqlite().destroy(uri_of(tmp / "db")));
  CHECK(std::filesystem::is_empty(tmp.path()));
}

TEST_CASE("a database that was removed while open takes no more writes") {
  temp_dir tmp;
  auto store = create(tmp / "db");
  REQUIRE(commit_one(*store, put("a", blob(1, "x"))));
  std::filesystem::rename(tmp / "db", tmp / "elsewhere");
  auto refused = commit_one(*store, put("a", blob(2, "y")));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::io_error);
  CHECK(!refused.error().data_loss());
}

// -- what people see ----------------------------------------------------------

TEST_CASE("other programs read a SQLite store as it is documented") {
  temp_dir tmp;
  auto store = create(tmp / "db");
  REQUIRE(commit_one(*store, put("\"small", blob(1, "hello"))));
  REQUIRE(
    commit_one(*store, put("\"large", blob(2, std::string(300'000, 'L')))));
  REQUIRE(commit_one(*store, put(":key", blob(3, ""))));
  auto printed = run_python(R"(
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
one = lambda sql: db.execute(sql).fetchone()[0]
print(hex(one("PRAGMA application_id")), one("PRAGMA user_version"))
print(one("SELECT value FROM store WHERE name = \"id\""))
for row in db.execute("SELECT key, revision, size, chunked FROM keys ORDER BY key"):
    print(*row)
for key, size, first, head, value in db.execute(
        "SELECT key, size, first_chunk, head, value FROM blobs ORDER BY key"):
    if first is not None:
        value = b"".join(x for x, in db.execute(
            "SELECT data FROM chunks WHERE id >= ? AND id < ? + (1 << 31) "
            "ORDER BY id", (first, first)))
    print(key, len(head), len(value), len(head + value) == size, value[:5])
print(one("PRAGMA integrity_check"))
)",
                            tmp / "db");
  CHECK(printed == "0x6c617264 1\n" + to_string(store->id()) + R"(
"large" 02020202020202020202020202020202 300064 1
"small" 01010101010101010101010101010101 69 0
:key 03030303030303030303030303030303 64 0
b'"large' 64 300000 True b'LLLLL'
b'"small' 64 5 True b'hello'
b':key' 64 0 True b''
ok
)");
}

// -- large blobs --------------------------------------------------------------

TEST_CASE("a staged blob of SQLite needs little memory and is read anywhere") {
  constexpr uint64_t size = uint64_t{96} << 20;
  constexpr size_t piece_size = 1'000'003;
  temp_dir tmp;
  auto store = create(tmp / "db", {{"sync", "off"}});
  auto prefix = blob(1, "");
  auto staged = store->stage("\"big", prefix->size());
  REQUIRE(staged);
  struct rusage before {};
  for (uint64_t done = 0; done < size;) {
    bytes piece(std::min<uint64_t>(piece_size, size - done));
    for (auto& x : piece)
      x = byte_at(done++);
    REQUIRE((*staged)->append(piece));
    if (before.ru_maxrss == 0)
      ::getrusage(RUSAGE_SELF, &before);
  }
  REQUIRE((*staged)->set_prefix(*prefix));
  CHECK(keys(*store).empty());
  CHECK(figure(*store, "stages") == 1);
  CHECK(figure(*store, "checkpoints-total") > 0); // the log is bounded, too
  CHECK(figure(*store, "log-bytes") < size / 2);
  mutation x{"\"big", std::shared_ptr<staged_blob>{std::move(*staged)}, {}};
  REQUIRE(commit_one(*store, x));
  struct rusage after {};
  ::getrusage(RUSAGE_SELF, &after);
  if (larder::test::memory_is_telling)
    CHECK(after.ru_maxrss - before.ru_maxrss < 40 * 1024); // KiB
  x.content = {};
  for (uint64_t offset :
       {uint64_t{0}, uint64_t{65'535}, size / 3, size - 500}) {
    auto found = read_one(*store, {"\"big", blob_part::range,
                                   prefix->size() + offset, 200'000, rev(1)});
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->blob_size == prefix->size() + size);
    auto data = (*found)->data;
    CHECK(data.size() == std::min<uint64_t>(200'000, size - offset));
    auto same = true;
    for (size_t i = 0; i < data.size(); ++i)
      same = same && data[i] == byte_at(offset + i);
    CHECK(same);
  }
  auto used = figure(*store, "file-bytes");
  REQUIRE(commit_one(*store, erase("\"big")));
  CHECK(figure(*store, "unused-bytes") > used - (used >> 4));
  CHECK(figure(*store, "stages") == 0);
}

TEST_CASE("what SQLite cannot hold is refused before it is tried") {
  temp_dir tmp;
  auto store = create(tmp / "db", {{"sync", "off"}});
  auto caps = store->caps();
  CHECK(caps.max_blob_size == uint64_t{1} << 40);
  auto prefix = store->stage("a", caps.max_blob_size);
  REQUIRE(!prefix);
  CHECK(prefix.error() == errc::limit_exceeded);
  std::string long_key(caps.max_key_size + 1, 'k');
  auto key = store->stage(long_key, 1);
  REQUIRE(!key);
  CHECK(key.error() == errc::limit_exceeded);
}

TEST_CASE("replacing and discarding large blobs frees their chunks") {
  temp_dir tmp;
  auto store = create(tmp / "db", {{"sync", "off"}});
  auto large = blob(1, std::string(3'000'000, 'x'));
  REQUIRE(commit_one(*store, put("a", large)));
  auto size = figure(*store, "file-bytes");
  for (uint8_t i = 2; i < 8; ++i) {
    REQUIRE(commit_one(*store, put("a", blob(i, std::string(3'000'000, 'y')))));
    auto staged = store->stage("b", 0);
    REQUIRE(staged);
    REQUIRE((*staged)->append(*large));
    // A conditional commit that fails leaves the old chunks alone.
    auto refused = commit_one(*store, put("a", large, precondition::absent()));
    REQUIRE(!refused);
    CHECK(get(*store, "a")->size() == large->size());
  }
  CHECK(figure(*store, "file-bytes") < size * 4);
  CHECK(run_python("import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
                   "print(db.execute(\"SELECT count(*) FROM "
                   "loose_chunks\").fetchone()[0])",
                   tmp / "db")
        == "0\n");
}

// -- threads ------------------------------------------------------------------

TEST_CASE("commits of several threads share transactions of SQLite") {
  temp_dir tmp;
  auto store = create(tmp / "db");
  constexpr int num_threads = 8;
  constexpr int commits = 30;
  std::atomic<int> failures = 0;
  /// Returns how many transactions one round took.
  auto transactions_of = [&](int round) {
    auto before = figure(*store, "transactions-total");
    std::vector<std::thread> threads;
    for (int t = 0; t < num_threads; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < commits; ++i) {
          auto x = put(fmt::format("{}/{}/{}", round, t, i), blob(1, "x"));
          failures += !store->commit({&x, 1})[0].has_value();
        }
      });
    for (auto& x : threads)
      x.join();
    return figure(*store, "transactions-total") - before;
  };
  // Threads that run one after the other have nothing to share.
  auto shared = false;
  int rounds = 0;
  for (; rounds < 100 && !shared; ++rounds)
    shared = transactions_of(rounds) < num_threads * commits;
  CHECK(shared);
  CHECK(failures == 0);
  CHECK(keys(*store).size()
        == static_cast<size_t>(rounds) * num_threads * commits);
}

TEST_CASE("more threads than readers take turns") {
  temp_dir tmp;
  auto store = create(tmp / "db", {{"readers", "2"}, {"sync", "off"}});
  REQUIRE(commit_one(*store, put("a", blob(1, "x"))));
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      read_request request;
      request.key = "a";
      for (int i = 0; i < 50; ++i)
        found += store->read({&request, 1})[0]->has_value();
    });
  for (auto& x : threads)
    x.join();
  CHECK(found == 8 * 50);
}

TEST_CASE("an SQLite store is refused while its file has two names") {
  temp_dir tmp;
  auto path = tmp / "store.db";
  REQUIRE(commit_one(*create(path), put("a", blob(1, "x"))));
  CHECK(std::filesystem::hard_link_count(path) == 1);
  std::filesystem::create_hard_link(path, tmp / "other.db");
  for (auto name : {"store.db", "other.db"}) {
    auto where = uri_of(tmp / name);
    auto opened = sqlite().open(where);
    REQUIRE(!opened);
    CHECK(opened.error() == errc::invalid_argument);
    CHECK_THAT(opened.error().message(), Catch::Contains("hard link"));
    CHECK(sqlite().create(where).error() == errc::invalid_argument);
    CHECK(sqlite().destroy(where).error() == errc::invalid_argument);
  }
  std::filesystem::remove(tmp / "other.db");
  std::filesystem::create_symlink(path, tmp / "other.db");
  auto store = open(path);
  auto same = open(tmp / "other.db");
  REQUIRE(commit_one(*same, put("b", blob(2, "y"))));
  CHECK(keys(*store).size() == 2);
}
