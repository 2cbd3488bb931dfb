// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/konserve/konserve_tools.hpp"
#include "backends/watched_ops.hpp"

#include <fcntl.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <utility>

using namespace larder;
using namespace larder::test;
using file_tools::child;
using file_tools::send;
using file_tools::starting_line;

namespace {

const value counter = value::keyword("counter");

/// Adds one to the counter, `count` times, on condition that nobody else did.
/// @param start called when the counter has been read for the first time: if
///              others wait there as well, all but one lose an attempt
/// @returns how many attempts others have won, nothing on any error
template <class F>
std::optional<uint64_t> increment(konserve_store& store, int count, F start) {
  uint64_t lost = 0;
  auto started = false;
  while (count > 0) {
    auto found = store.find(counter);
    if (!std::exchange(started, true))
      start();
    if (!found || !*found)
      return std::nullopt;
    auto meta = (*found)->meta;
    auto condition = precondition::matches(meta.rev);
    meta.rev = random_revision();
    ++meta.last_write;
    auto blob = store.blobs().encode(encoded(counter), meta,
                                     (*found)->content.as_integer() + 1);
    if (!blob)
      return std::nullopt;
    auto outcome = store.commit(
      counter, std::make_shared<const bytes>(std::move(*blob)), condition);
    if (outcome)
      --count;
    else if (outcome.error() == errc::precondition_failed)
      ++lost;
    else
      return std::nullopt;
  }
  return lost;
}

/// Locks a file as the JVM does: the whole of it, for the process.
bool posix_lock(const std::string& path) {
  auto fd = ::open(path.c_str(), O_RDWR);
  struct flock what {};
  what.l_type = F_WRLCK;
  what.l_whence = SEEK_SET;
  return fd >= 0 && ::fcntl(fd, F_SETLK, &what) == 0;
}

} // namespace

TEST_CASE("threads with stores of their own on one directory lose no update") {
  temp_dir dir;
  konserve_store::open(dir.path()).must_put(counter, 0);
  constexpr int per_thread = 150;
  std::atomic<uint64_t> lost{0};
  std::atomic<int> failed{0};
  std::vector<konserve_store> stores;
  for (int i = 0; i < 4; ++i)
    stores.push_back(konserve_store::open(dir.path()));
  std::barrier start{static_cast<std::ptrdiff_t>(stores.size())};
  std::vector<std::thread> threads;
  for (auto& store : stores)
    threads.emplace_back([&] {
      if (auto n
          = increment(store, per_thread, [&] { start.arrive_and_wait(); }))
        lost += *n;
      else
        ++failed;
    });
  for (auto& x : threads)
    x.join();
  CHECK(failed == 0);
  CHECK(stores[0].get(counter).content == value{4 * per_thread});
  CHECK(lost >= stores.size() - 1); // they did get in each other's way
}

TEST_CASE("processes lose no update of a konserve store") {
  temp_dir dir;
  konserve_store::open(dir.path()).must_put(counter, 0);
  constexpr int per_process = 150;
  starting_line line;
  std::vector<child> children;
  for (int i = 0; i < 3; ++i)
    children.emplace_back([&](int out) {
      auto store = konserve_store::open(dir.path());
      auto lost = increment(store, per_process, [&] { line.wait(out); });
      if (lost)
        send(out, *lost);
    });
  line.start(children);
  uint64_t lost = 0;
  for (auto& x : children) {
    auto n = x.next();
    REQUIRE(n);
    lost += *n;
  }
  CHECK(lost >= children.size() - 1);
  CHECK(konserve_store::open(dir.path()).get(counter).content
        == value{3 * per_process});
}

TEST_CASE("a writer waits for the fence that a konserve process holds") {
  temp_dir dir;
  auto ops = std::make_shared<watched_ops>();
  detail::ksv::store_config config;
  config.dir = dir.path();
  konserve_store store{*detail::ksv::open_store(std::move(config), ops)};
  store.must_put(counter, 0);
  auto fence = dir / (file_of(counter) + ".cas");
  write_file(fence, {});
  auto inode = [&] {
    struct stat info {};
    REQUIRE(::stat(fence.c_str(), &info) == 0);
    return info.st_ino;
  };
  auto before = inode();
  std::array<int, 2> go{};
  REQUIRE(::pipe(go.data()) == 0);
  child holder{[&](int out) {
    if (!posix_lock(fence))
      ::_exit(1);
    send(out, 1);
    char signal = 0; // until then this process is at work
    std::ignore = ::read(go[0], &signal, 1);
    std::ofstream{dir / "done"} << "x";
    ::_exit(0); // gives up the lock
  }};
  REQUIRE(holder.next());
  std::atomic<bool> asked{false};
  std::atomic<bool> over{false};
  ops->hook([&](watched_ops::call what, const std::string& path) {
    if (what == watched_ops::call::lock && path == fence)
      asked = true;
    return 0;
  });
  auto blob = store.encode(store.meta_of(counter), 1);
  auto erases = GENERATE(false, true);
  CAPTURE(erases);
  auto waited = false;
  commit_outcome outcome;
  std::thread writer{[&] { // the test framework is for one thread alone
    if (erases)
      outcome = store.commit(counter, std::monostate{});
    else
      outcome = store.commit(counter, blob);
    waited = std::filesystem::exists(dir / "done");
    over = true;
  }};
  while (!asked && !over)
    std::this_thread::yield();
  CHECK(asked);
  auto let_go = ::write(go[1], "!", 1);
  writer.join();
  CHECK(let_go == 1);
  CHECK(outcome);
  CHECK(waited);
  CHECK(store.read(counter)->has_value() == !erases);
  CHECK(inode() == before); // never replaced
  ::close(go[0]);
  ::close(go[1]);
}

TEST_CASE("the lock of a fence is held while its key is written, and later "
          "given up") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  store.must_put(counter, 0);
  auto fence = dir / (file_of(counter) + ".cas");
  write_file(fence, {});
  store.must_put(counter, 1);
  child other{[&](int out) { send(out, posix_lock(fence) ? 1 : 0); }};
  CHECK(other.next() == 1);
}

TEST_CASE("fences are made for conditional changes if asked for") {
  temp_dir dir;
  auto fence = dir / (file_of(counter) + ".cas");
  auto store = konserve_store::open(dir.path(), {{"fence", "yes"}});
  store.must_put(counter, 0);
  CHECK_FALSE(std::filesystem::exists(fence));
  REQUIRE(
    store.put(counter, 1, precondition::matches(store.revision_of(counter))));
  CHECK(std::filesystem::exists(fence));
  CHECK(std::filesystem::file_size(fence) == 0);
  REQUIRE(store.erase(counter));
  CHECK(std::filesystem::exists(fence));
  CHECK(store.keys().empty());
}

TEST_CASE("a killed writer leaves each key old or new") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  constexpr int keys = 5;
  for (int i = 0; i < keys; ++i)
    store.must_put(i, edn("[0 0]"));
  std::vector<int64_t> known(keys, 0);
  for (int round = 0; round < 15; ++round) {
    child writer{[&](int out) {
      auto mine = konserve_store::open(dir.path());
      for (int64_t n = round * 100'000 + 1;; ++n) {
        auto key = static_cast<int>(n % keys);
        // More than one write of the file system
        auto filling = std::string(static_cast<size_t>(n % 9'000), 'x');
        if (!mine.put(key, value::vector({n, filling, n})))
          ::_exit(1);
        send(out, static_cast<uint64_t>(n));
      }
    }};
    for (int i = 0; i < 1 + round * 3; ++i)
      REQUIRE(writer.next());
    writer.kill();
    while (auto n = writer.next())
      known[*n % keys] = static_cast<int64_t>(*n);
    for (int i = 0; i < keys; ++i) {
      auto found = store.get(i).content;
      CHECK(found.items().front() == found.items().back());
      CHECK(found.items().front().as_integer() >= known[size_t(i)]);
    }
    CHECK(store.keys().size() == keys);
  }
  // The files of the killed are swept by the next writer.
  konserve_store::open(dir.path()).must_put(0, 1);
  CHECK(names_in(dir.path()).size() == keys);
}

TEST_CASE("a killed writer leaves a log old or new") {
  temp_dir dir;
  auto key = value::keyword("log");
  auto log = [&](const uuid& id, int64_t end) {
    std::vector<value> tail;
    for (int64_t i = end > 5 ? end - 5 : 0; i < end; ++i)
      tail.emplace_back(i);
    return value::map({{kw("log"), id},
                       {kw("begin"), end - static_cast<int64_t>(tail.size())},
                       {kw("end"), end},
                       {kw("first"), 0},
                       {kw("next"), 0},
                       {kw("tail"), value::vector(tail)}});
  };
  auto id = uuid::random();
  auto store = konserve_store::open(dir.path());
  int64_t end = 0;
  for (int round = 0; round < 15; ++round) {
    child writer{[&](int out) {
      auto mine = konserve_store::open(dir.path());
      for (auto n = end + 1;; ++n) {
        auto meta = mine.meta_of(key, content_type::append_log);
        if (!mine.put(meta, log(id, n)))
          ::_exit(1);
        send(out, static_cast<uint64_t>(n));
      }
    }};
    for (int i = 0; i < 1 + round * 2; ++i)
      REQUIRE(writer.next());
    writer.kill();
    uint64_t acknowledged = 0;
    while (auto n = writer.next())
      acknowledged = *n;
    auto content = store.get(key).content;
    end = content.find(kw("end"))->as_integer();
    CHECK(end >= static_cast<int64_t>(acknowledged));
    CHECK(content == log(id, end));
    CHECK(store.keys().size() == 1);
  }
}

TEST_CASE("a listing during writes has all keys that stay") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  std::set<std::string> stay;
  for (int i = 0; i < 100; ++i) {
    store.must_put("stays " + std::to_string(i), i);
    stay.insert("\"stays " + std::to_string(i));
  }
  std::atomic<bool> over{false};
  std::atomic<int> failed{0};
  auto other = konserve_store::open(dir.path());
  std::vector<std::shared_ptr<const bytes>> blobs;
  for (int i = 0; i < 50; ++i) {
    value key = "comes " + std::to_string(i);
    blobs.push_back(other.encode(other.meta_of(key), i));
  }
  auto kept = other.encode(other.meta_of("stays 7"), 7);
  std::thread writer{[&] {
    for (size_t i = 0; !over; ++i) {
      value key = "comes " + std::to_string(i % 50);
      auto outcome = i % 100 < 50 ? other.commit(key, blobs[i % 50])
                                  : other.commit(key, std::monostate{});
      if (!outcome || !other.commit("stays 7", kept))
        ++failed;
    }
  }};
  for (int round = 0; round < 20; ++round) {
    std::set<std::string> found;
    for (auto& x : store.list(blob_part::metadata, {}, 9)) {
      INFO((x.blob ? "" : to_string(x.blob.error())));
      CHECK(x.blob);
      CHECK(found.insert(x.key).second);
    }
    for (auto& x : stay)
      CHECK(found.contains(x));
  }
  over = true;
  writer.join();
  CHECK(failed == 0);
}
