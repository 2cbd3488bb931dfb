// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The functions of the C library, as this program has them.

#include "trials/faults/injector.hpp"

#include "temp_dir.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

using namespace trials;

namespace {

class watched_dir {
public:
  explicit watched_dir(std::optional<fault_plan> plan = std::nullopt) {
    injector::instance().watch(dir_.path().string(), plan);
  }

  ~watched_dir() {
    injector::instance().watch({}, std::nullopt);
  }

  std::string operator/(const std::string& name) const {
    return dir_ / name;
  }

private:
  temp_dir dir_;
};

int create(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT, 0666);
}

std::string text_of(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

constexpr auto io_error = fault_kind::io_error;

} // namespace

TEST_CASE("calls on files below the directory are counted, others are not") {
  watched_dir dir;
  auto fd = create(dir / "a");
  REQUIRE(fd >= 0);
  CHECK(::write(fd, "abc", 3) == 3);
  iovec piece{const_cast<char*>("def"), 3};
  CHECK(::pwritev(fd, &piece, 1, 3) == 3);
  char data[6];
  CHECK(::pread(fd, data, 6, 0) == 6);
  CHECK(::fsync(fd) == 0);
  CHECK(::ftruncate(fd, 2) == 0);
  CHECK(injector::instance().open_files().size() == 1);
  ::close(fd);
  CHECK(injector::instance().open_files().empty());
  CHECK(::rename((dir / "a").c_str(), (dir / "b").c_str()) == 0);
  CHECK(::mkdir((dir / "d").c_str(), 0777) == 0);
  CHECK(::unlink((dir / "b").c_str()) == 0);
  auto other = ::open("/dev/null", O_WRONLY);
  CHECK(::write(other, "abc", 3) == 3);
  ::close(other);
  using kind = call_kind;
  CHECK(injector::instance().calls()
        == std::vector{kind::create, kind::write, kind::write, kind::read,
                       kind::sync, kind::truncate, kind::rename, kind::mkdir,
                       kind::unlink});
}

TEST_CASE("one call fails, and only that") {
  watched_dir dir{fault_plan{1, fault_kind::no_space, false}};
  auto fd = create(dir / "a");
  CHECK(::write(fd, "abc", 3) == -1);
  CHECK(errno == ENOSPC);
  CHECK(::write(fd, "abc", 3) == 3);
  CHECK(injector::instance().fired() == 1);
  CHECK(injector::instance().first_failure() == "write /a");
  ::close(fd);
}

TEST_CASE("all calls that change something fail from one on") {
  watched_dir dir{fault_plan{1, io_error, true}};
  auto fd = create(dir / "a");
  CHECK(::write(fd, "abc", 3) == -1);
  CHECK(::fsync(fd) == -1);
  CHECK(::unlink((dir / "a").c_str()) == -1);
  char data;
  CHECK(::read(fd, &data, 1) == 0);
  ::close(fd);
  fd = ::open((dir / "a").c_str(), O_RDONLY);
  CHECK(fd >= 0);
  ::close(fd);
}

TEST_CASE("a short write writes half") {
  watched_dir dir{fault_plan{1, fault_kind::short_write, false}};
  auto fd = create(dir / "a");
  CHECK(::write(fd, "abcdef", 6) == 3);
  CHECK(::write(fd, "def", 3) == 3);
  ::close(fd);
  CHECK(text_of(dir / "a") == "abcdef");
}

TEST_CASE("a failed sync loses what was written, and to repeat it is noted") {
  watched_dir dir{fault_plan{4, io_error, false}};
  auto& uut = injector::instance();
  auto fd = create(dir / "a");
  CHECK(::write(fd, "abcdef", 6) == 6);
  CHECK(::fsync(fd) == 0);
  CHECK(::pwrite(fd, "XX", 2, 2) == 2);
  CHECK(::fsync(fd) == -1);
  CHECK(uut.take_violations().empty());
  CHECK(::fsync(fd) == 0);
  CHECK(uut.take_violations().size() == 1);
  ::close(fd);
  CHECK(text_of(dir / "a") == "abXXef");
  CHECK(::rename((dir / "a").c_str(), (dir / "b").c_str()) == 0);
  uut.lose();
  CHECK(text_of(dir / "b") == "abcdef");
}

TEST_CASE("a sync of a directory is not repeated either") {
  watched_dir dir{fault_plan{1, io_error, false}};
  auto& uut = injector::instance();
  auto fd = ::open((dir / "").c_str(), O_RDONLY | O_DIRECTORY);
  CHECK(::fsync(fd) == -1);
  CHECK(::fsync(fd) == 0);
  CHECK(uut.take_violations().size() == 1);
  uut.lose(); // the store was closed
  CHECK(::fsync(fd) == 0);
  CHECK(uut.take_violations().empty());
  ::close(fd);
}

TEST_CASE("plans can be printed and read") {
  for (auto what : {io_error, fault_kind::no_space, fault_kind::interrupted,
                    fault_kind::short_write})
    for (auto for_ever : {false, true}) {
      fault_plan plan{17, what, for_ever};
      CHECK(parse_plan(to_string(plan)) == plan);
    }
  for (auto* text : {"", "17", "17:", "17:EIO", ":EIO:once", "17:EIO:twice"})
    CHECK(!parse_plan(text));
}
