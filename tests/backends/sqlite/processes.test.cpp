// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Several real processes on one SQLite store.

#include "backends/child_process.hpp"
#include "backends/sqlite/sqlite_tools.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

using namespace sqlite_tools;
using file_tools::child;
using file_tools::increment;
using file_tools::number_of;
using file_tools::numbered;
using file_tools::send;
using file_tools::starting_line;

namespace {

expected<std::unique_ptr<backend>> try_open(const std::string& path,
                                            options opts = {}) {
  return sqlite().open(uri_of(path, std::move(opts)));
}

/// The number of rows of a table, asked by a connection of its own.
int rows_of(const std::string& path, const std::string& table) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  int result = 0;
  auto sql = "SELECT count(*) FROM " + table;
  auto code = sqlite3_exec(
    db, sql.c_str(),
    [](void* out, int, char** columns, char**) {
      *static_cast<int*>(out) = std::stoi(columns[0]);
      return 0;
    },
    &result, nullptr);
  CHECK(code == SQLITE_OK);
  sqlite3_close(db);
  return result;
}

/// Makes a store with a key "a" that is only in the log.
void create_and_kill(const std::string& path) {
  create(path);
  child writer{[&](int out) {
    auto mine = try_open(path);
    auto x = put("a", numbered(1, 1000));
    send(out, mine && (*mine)->commit({&x, 1})[0]);
    for (;;)
      ::pause();
  }};
  REQUIRE(writer.next() == 1u);
  writer.kill();
}

} // namespace

TEST_CASE("processes that increment one key in SQLite lose no update") {
  constexpr uint64_t num_children = 4;
  constexpr uint64_t increments = 100;
  temp_dir tmp;
  { REQUIRE(commit_one(*create(tmp / "db"), put("\"counter", numbered(0)))); }
  starting_line line;
  std::vector<child> children;
  for (uint64_t i = 0; i < num_children; ++i)
    children.emplace_back([&](int out) {
      // SQLite queues nobody: on a slow disk one may wait for long.
      auto mine = try_open(tmp / "db", {{"busy-timeout", "600000"}});
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
  CHECK(number_of(*get(*open(tmp / "db"), "\"counter"))
        == num_children * increments);
  CHECK(lost >= num_children - 1); // they did get in each other's way
}

TEST_CASE("a process that waits too long for another is told to try again") {
  temp_dir tmp;
  { REQUIRE(commit_one(*create(tmp / "db"), put("a", blob(1, "x")))); }
  child holder{[&](int out) {
    sqlite3* db = nullptr;
    sqlite3_open((tmp / "db").c_str(), &db);
    auto code = sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    send(out, code == SQLITE_OK);
    for (;;)
      ::pause();
  }};
  REQUIRE(holder.next() == 1u);
  auto store = open(tmp / "db", {{"busy-timeout", "20"}});
  auto refused = commit_one(*store, put("a", blob(2, "y")));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::locked);
  CHECK(refused.error().retryable());
  CHECK(!refused.error().data_loss());
  CHECK(*get(*store, "a") == *blob(1, "x")); // readers do not wait
  holder.kill();
  REQUIRE(commit_one(*store, put("a", blob(2, "y"))));
  CHECK(*get(*store, "a") == *blob(2, "y"));
}

TEST_CASE("a store that another process has open is not destroyed") {
  temp_dir tmp;
  create(tmp / "db");
  child holder{[&](int out) {
    auto mine = try_open(tmp / "db");
    send(out, mine.has_value());
    for (;;)
      ::pause();
  }};
  REQUIRE(holder.next() == 1u);
  auto refused = sqlite().destroy(uri_of(tmp / "db"));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::locked);
  CHECK(open(tmp / "db"));
  holder.kill();
  REQUIRE(sqlite().destroy(uri_of(tmp / "db")));
  CHECK(std::filesystem::is_empty(tmp.path()));
}

TEST_CASE("what a killed process was answered is in SQLite, and not torn") {
  constexpr uint64_t num_keys = 7;
  constexpr size_t padding = 20'000;
  temp_dir tmp;
  create(tmp / "db");
  std::map<uint64_t, uint64_t> acked; // slot -> number
  uint64_t number = 0;
  for (int round = 0; round < 8; ++round) {
    child writer{[&](int out) {
      auto mine = try_open(tmp / "db");
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
    auto store = open(tmp / "db");
    for (auto [slot, least] : acked) {
      auto found = get(*store, "\"key-" + std::to_string(slot));
      REQUIRE(found);
      auto n = number_of(*found);
      CHECK(n >= least);
      CHECK(found->size() == header::size_v2 + 8 + padding);
      CHECK(
        std::all_of(found->begin() + header::size_v2 + 8, found->end(),
                    [&](auto x) { return x == static_cast<std::byte>(n); }));
      number = std::max(number, n);
    }
    CHECK(keys(*store).size() == num_keys);
  }
}

TEST_CASE("no database is made beside the log of another one") {
  temp_dir tmp;
  create_and_kill(tmp / "db");
  std::filesystem::rename(tmp / "db", tmp / "elsewhere");
  auto log = slurp(tmp / "db-wal");
  auto refused = sqlite().create(uri_of(tmp / "db"));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(refused.error().message().find("db-wal") != std::string::npos);
  CHECK(!std::filesystem::exists(tmp / "db"));
  CHECK(slurp(tmp / "db-wal") == log);
  // Nothing is lost until somebody decides so.
  std::filesystem::rename(tmp / "elsewhere", tmp / "db");
  CHECK(number_of(*get(*open(tmp / "db"), "a")) == 1);
  create_and_kill(tmp / "other");
  std::filesystem::remove(tmp / "other");
  std::filesystem::remove(tmp / "other-wal");
  CHECK(keys(*create(tmp / "other")).empty());
  write_file(tmp / "third-journal", "x");
  CHECK(!sqlite().create(uri_of(tmp / "third")));
}

TEST_CASE("destroying removes the log first, and nothing is only there") {
  temp_dir tmp;
  create_and_kill(tmp / "db");
  // Keeps what the file has when its name goes.
  auto file = ::open((tmp / "db").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  auto watch = ::inotify_init1(IN_CLOEXEC);
  REQUIRE(::inotify_add_watch(watch, tmp.path().c_str(), IN_DELETE) >= 0);
  REQUIRE(sqlite().destroy(uri_of(tmp / "db")));
  alignas(inotify_event) char buf[4096];
  auto size = ::read(watch, buf, sizeof(buf));
  ::close(watch);
  std::vector<std::string> removed;
  for (ssize_t i = 0; i < size;) {
    auto* event = reinterpret_cast<inotify_event*>(buf + i);
    removed.emplace_back(event->name);
    i += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  REQUIRE(removed.size() >= 2);
  CHECK(removed.front() == "db-wal");
  CHECK(std::find(removed.begin(), removed.end(), "db") != removed.end());
  write_file(tmp / "kept", slurp("/proc/self/fd/" + std::to_string(file)));
  ::close(file);
  CHECK(number_of(*get(*open(tmp / "kept"), "a")) == 1);
}

TEST_CASE("opening and reading leave the log of a killed writer as it is") {
  temp_dir tmp;
  create_and_kill(tmp / "db");
  auto before = slurp(tmp / "db") + slurp(tmp / "db-wal");
  REQUIRE(std::filesystem::file_size(tmp / "db-wal") > 0);
  for (int i = 0; i < 2; ++i) {
    auto store = open(tmp / "db");
    CHECK(number_of(*get(*store, "a")) == 1);
    CHECK(sqlite().exists(uri_of(tmp / "db")) == true);
    store.reset();
    CHECK(before == slurp(tmp / "db") + slurp(tmp / "db-wal"));
  }
  REQUIRE(commit_one(*open(tmp / "db"), put("b", numbered(2))));
  CHECK(!std::filesystem::exists(tmp / "db-wal"));
  CHECK(number_of(*get(*open(tmp / "db"), "a")) == 1);
}

TEST_CASE("chunks of another process are swept only when that has died") {
  temp_dir tmp;
  create(tmp / "db");
  child stager{[&](int out) {
    auto mine = try_open(tmp / "db");
    auto staged = (*mine)->stage("\"key", 64);
    send(out, staged && (*staged)->append(bytes(1'000'000)));
    for (;;)
      ::pause();
  }};
  REQUIRE(stager.next() == 1u);
  REQUIRE(commit_one(*open(tmp / "db"), put("\"key", numbered(1))));
  auto chunks = rows_of(tmp / "db", "chunks");
  CHECK(chunks > 0);
  CHECK(rows_of(tmp / "db", "loose_chunks") == 1);
  stager.kill();
  open(tmp / "db");
  CHECK(rows_of(tmp / "db", "chunks") == chunks); // not swept by opening
  REQUIRE(commit_one(*open(tmp / "db"), put("\"key", numbered(2))));
  CHECK(rows_of(tmp / "db", "chunks") == 0);
  CHECK(rows_of(tmp / "db", "loose_chunks") == 0);
}

TEST_CASE("a SQLite store on a medium that cannot be written can be read") {
  temp_dir tmp;
  std::filesystem::create_directory(tmp / "medium");
  auto path = tmp / "medium/db";
  { REQUIRE(commit_one(*create(path), put("a", blob(1, "x")))); }
  child reader{[&](int out) {
    // A mount of its own, seen by nobody else.
    auto dir = tmp / "medium";
    if (::unshare(CLONE_NEWNS) != 0
        || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
        || ::mount(dir.c_str(), dir.c_str(), nullptr, MS_BIND, nullptr) != 0
        || ::mount("none", dir.c_str(), nullptr,
                   MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr)
             != 0)
      return send(out, 0);
    send(out, 1);
    auto store = try_open(path);
    send(out, store.has_value());
    read_request request;
    request.key = "a";
    auto found = (*store)->read({&request, 1});
    send(out,
         found[0] && *found[0] && to_bytes((*found[0])->data) == *blob(1, "x"));
    auto x = put("a", blob(2, "y"));
    auto refused = (*store)->commit({&x, 1});
    send(out, !refused[0] && refused[0].error() == errc::io_error
                && !refused[0].error().data_loss());
    store->reset();
    auto destroyed = sqlite().destroy(uri_of(path));
    send(out, !destroyed && destroyed.error() == errc::io_error);
  }};
  if (reader.next() != 1u) {
    WARN("skipped: this user may not mount");
    return;
  }
  for (auto what :
       {"opening", "reading", "refusing to write", "refusing to destroy"}) {
    CAPTURE(what);
    CHECK(reader.next() == 1u);
  }
  CHECK(*get(*open(path), "a") == *blob(1, "x"));
}
