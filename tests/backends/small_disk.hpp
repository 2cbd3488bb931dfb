// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "temp_dir.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

/// A directory for stores whose medium can be filled up: a small file system in
/// memory where the process may mount one (ENOSPC), else a limit on the size of
/// files (EFBIG), which stops all writes of the process.
class small_disk {
public:
  small_disk() {
    mounted_
      = ::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, "size=64m,mode=0700")
        == 0;
    if (!mounted_)
      ::signal(SIGXFSZ, SIG_IGN);
  }

  ~small_disk() {
    fill(false);
    if (mounted_)
      ::umount2(dir_.path().c_str(), MNT_DETACH);
  }

  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  /// Returns the path of `name` inside.
  std::string operator/(const std::string& name) const {
    return dir_ / name;
  }

  /// Takes all the room there is, or gives it back.
  void fill(bool full) {
    if (!mounted_)
      limit_files(full);
    else if (full)
      write_filler();
    else
      ::unlink(filler().c_str());
  }

private:
  std::string filler() const {
    return dir_ / "filler";
  }

  void write_filler() const {
    auto fd = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    REQUIRE(fd >= 0);
    for (std::vector<char> data(1 << 20, 'x'); !data.empty();)
      if (::write(fd, data.data(), data.size()) <= 0)
        data.resize(data.size() / 2);
    ::close(fd);
  }

  static void limit_files(bool full) {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = full ? 0 : limit.rlim_max;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }

  temp_dir dir_;
  bool mounted_ = false;
};
