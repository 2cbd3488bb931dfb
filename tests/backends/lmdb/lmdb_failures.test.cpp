// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What an LMDB store does when writing fails, and on a medium that cannot be
/// written.

#include "backends/child_process.hpp"
#include "backends/small_disk.hpp"
#include "lmdb_tools.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <thread>

using namespace lmdb_tools;
using file_tools::child;
using file_tools::send;

namespace {

/// Puts another file behind the descriptor with which LMDB writes its pages, or
/// the one with which it writes the page that makes them count.
class sabotaged {
public:
  sabotaged(const std::string& path, bool meta, const char* instead) {
    auto wanted = std::filesystem::canonical(path);
    for (auto& x : std::filesystem::directory_iterator{"/proc/self/fd"}) {
      std::error_code err;
      auto target = std::filesystem::read_symlink(x.path(), err);
      auto fd = std::stoi(x.path().filename());
      auto is_meta = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
      if (!err && target == wanted && is_meta == meta)
        fd_ = fd;
    }
    REQUIRE(fd_ >= 0);
    saved_ = ::dup(fd_);
    auto other = ::open(instead, O_RDWR);
    REQUIRE(::dup2(other, fd_) == fd_);
    ::close(other);
  }

  ~sabotaged() {
    ::dup2(saved_, fd_);
    ::close(saved_);
  }

private:
  int fd_ = -1;
  int saved_ = -1;
};

void expect_refused(backend& store) {
  auto outcome = commit_one(store, put("later", filled(3, 10)));
  REQUIRE(!outcome);
  CHECK(outcome.error() == errc::io_error);
  CHECK(!outcome.error().data_loss());
  CHECK_THAT(outcome.error().message(), Catch::Contains("open it again"));
  auto staged = store.stage("later", 0);
  REQUIRE(staged);
  CHECK(!(*staged)->append(bytes(size_t{10} << 20)));
}

} // namespace

TEST_CASE("after a failed sync an LMDB store reads, and writes when reopened") {
  temp_dir tmp;
  auto store = create(at(tmp / "store"));
  auto same = open(at(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, 10))));
  {
    // Takes all pages and cannot be synced.
    sabotaged file{tmp / "store/larder.mdb", false, "/dev/null"};
    auto outcome = commit_one(*store, put("a", filled(2, 10)));
    REQUIRE(!outcome);
    CHECK(outcome.error() == errc::io_error);
    CHECK(outcome.error().data_loss());
  }
  expect_refused(*store);
  expect_refused(*same);
  CHECK(get(*store, "a") == *filled(1, 10));
  CHECK(get(*same, "a") == *filled(1, 10));
  store.reset();
  expect_refused(*same);
  same.reset();
  store = open(at(tmp / "store"));
  CHECK(get(*store, "a") == *filled(1, 10));
  REQUIRE(commit_one(*store, put("a", filled(4, 10))));
  CHECK(get(*store, "a") == *filled(4, 10));
}

TEST_CASE("after the last write of a commit has failed an LMDB store reads") {
  temp_dir tmp;
  auto store = create(at(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, 10))));
  {
    sabotaged file{tmp / "store/larder.mdb", true, "/dev/full"};
    auto outcome = commit_one(*store, put("a", filled(2, 10)));
    REQUIRE(!outcome);
    CHECK(outcome.error() == errc::io_error);
    CHECK(outcome.error().data_loss());
  }
  expect_refused(*store);
  CHECK(get(*store, "a") == *filled(1, 10));
  CHECK(file_tools::keys(*store).size() == 1);
  store.reset();
  store = open(at(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(4, 10))));
}

TEST_CASE("a medium without room changes nothing and is used again later") {
  small_disk disk;
  auto store = create(at(disk / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, 10))));
  disk.fill(true);
  auto outcome = commit_one(*store, put("a", filled(2, 5'000'000)));
  disk.fill(false);
  REQUIRE(!outcome);
  CHECK(outcome.error() == errc::io_error);
  CHECK(!outcome.error().data_loss());
  CHECK_THAT(outcome.error().message(), Catch::Contains("make room"));
  CHECK(get(*store, "a") == *filled(1, 10));
  REQUIRE(commit_one(*store, put("a", filled(3, 5'000'000))));
  CHECK(get(*store, "a") == *filled(3, 5'000'000));
}

TEST_CASE("a medium without room fails the making and opening of an LMDB store "
          "and kills nobody") {
  small_disk disk;
  auto path = disk / "store";
  REQUIRE(commit_one(*create(at(path)), put("a", filled(1, 10))));
  auto answer_of_child = [&](auto call) {
    disk.fill(true);
    child opener{[&](int out) {
      auto result = call();
      send(out, result ? 1 : 2 + uint64_t(result.error().code()));
    }};
    auto result = opener.next();
    disk.fill(false);
    return result;
  };
  auto open_it = [&] { return the_engine().open(at(path)); };
  auto told = 2 + uint64_t(errc::io_error);
  CHECK(answer_of_child(open_it) == 1);
  CHECK(answer_of_child([&] { return the_engine().create(at(disk / "new")); })
        == told);
  CHECK(the_engine().exists(at(disk / "new")) == false);
  CHECK(the_engine().create(at(disk / "new")));
  auto lock_file = path + "/larder.mdb-lock";
  auto size = std::filesystem::file_size(lock_file);
  std::filesystem::remove(lock_file);
  CHECK(answer_of_child(open_it) == told);
  // As LMDB makes it by itself: all of it is a hole.
  file_tools::write_file(lock_file, "");
  std::filesystem::resize_file(lock_file, size);
  CHECK(answer_of_child(open_it) == told);
  auto store = open(at(path));
  CHECK(get(*store, "a") == *filled(1, 10));
  CHECK(std::filesystem::file_size(lock_file) == size);
  store.reset();
  std::filesystem::remove(lock_file);
  disk.fill(true);
  CHECK(the_engine().destroy(at(path)));
}

TEST_CASE("the lock file of an open LMDB store has room for all readers") {
  small_disk disk;
  auto store = create(at(disk / "store"));
  struct stat info {};
  auto path = disk / "store/larder.mdb-lock";
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK(info.st_size >= 1024 * 64);
  CHECK(info.st_blocks * 512 >= info.st_size);
}

TEST_CASE("a write that fails for want of room on a medium that has some is "
          "not trusted") {
  temp_dir tmp;
  auto store = create(at(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, 10))));
  {
    sabotaged file{tmp / "store/larder.mdb", false, "/dev/full"};
    auto outcome = commit_one(*store, put("a", filled(2, 10)));
    REQUIRE(!outcome);
    CHECK(outcome.error().data_loss());
  }
  expect_refused(*store);
  CHECK(get(*store, "a") == *filled(1, 10));
}

TEST_CASE("an LMDB store on a read-only medium is read and not written") {
  temp_dir tmp;
  auto dir = tmp / "store";
  REQUIRE(commit_one(*create(at(dir)), put("a", filled(1, 10))));
  child reader{[&](int out) {
    auto mounted
      = ::unshare(CLONE_NEWNS) == 0
        && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0
        && ::mount(dir.c_str(), dir.c_str(), nullptr, MS_BIND, nullptr) == 0
        && ::mount("none", dir.c_str(), nullptr,
                   MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr)
             == 0;
    send(out, mounted);
    auto mine = the_engine().open(at(dir));
    if (!mine)
      ::_exit(1);
    read_request request;
    request.key = "a";
    auto found = std::move((*mine)->read({&request, 1})[0]);
    send(out, found && *found && to_bytes((*found)->data) == *filled(1, 10));
    auto x = put("a", filled(2, 10));
    auto outcome = std::move((*mine)->commit({&x, 1})[0]);
    send(out,
         !outcome && outcome.error() == errc::io_error
           && outcome.error().message().find("read-only") != std::string::npos);
    mine->reset();
    auto refused = the_engine().destroy(at(dir));
    send(out, !refused && refused.error() == errc::io_error
                && refused.error().message().find("is read-only")
                     != std::string::npos);
  }};
  if (reader.next() != 1u) {
    WARN("skipped: this process may not mount");
    return;
  }
  for (int i = 0; i < 3; ++i)
    CHECK(reader.next() == 1u);
}

TEST_CASE("batches that threads commit at once do not fail one another") {
  temp_dir tmp;
  create(at(tmp / "store"));
  // Syncs take long enough for others to come.
  auto store = open(at(tmp / "store", {{"max-size", "2097152"}}));
  constexpr int num_threads = 5;
  constexpr int num_large = 2;
  std::atomic<int> too_large = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < num_threads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        auto key = std::to_string(t) + "/" + std::to_string(i);
        auto large = t < num_large;
        auto x = put(key, filled(uint8_t(i), large ? 4 << 20 : 100));
        auto outcome = std::move(store->commit({&x, 1})[0]);
        if (large && !outcome && outcome.error() == errc::limit_exceeded)
          ++too_large;
        else if (large || !outcome)
          ++wrong;
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(wrong == 0);
  CHECK(too_large == num_large * 50);
  CHECK(file_tools::keys(*store).size() == (num_threads - num_large) * 50);
}
