// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/ops.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace larder::detail {

namespace {

/// Repeats a call while it is interrupted by signals.
template <class F>
auto uninterrupted(F f) {
  auto result = f();
  while (result == -EINTR)
    result = f();
  return result;
}

/// Turns the C library's way of failing into ours.
template <class T>
T or_errno(T result) {
  return result < 0 ? -errno : result;
}

file_kind kind_of(const dirent& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return file_kind::regular;
    case DT_DIR:
      return file_kind::directory;
    default:
      return file_kind::other;
  }
}

/// For file systems that do not tell the kind in the directory.
file_kind kind_of(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0)
    return file_kind::other;
  if (S_ISREG(info.st_mode))
    return file_kind::regular;
  return S_ISDIR(info.st_mode) ? file_kind::directory : file_kind::other;
}

} // namespace

// -- what the engine calls ----------------------------------------------------

int file_ops::open(const std::string& path, int flags) {
  return uninterrupted([&] { return do_open(path, flags); });
}

void file_ops::close(int fd) {
  do_close(fd);
}

ssize_t file_ops::read(int fd, std::span<std::byte> dst, uint64_t offset) {
  size_t done = 0;
  while (done < dst.size()) {
    auto n = uninterrupted(
      [&] { return do_read(fd, dst.subspan(done), offset + done); });
    if (n < 0)
      return n;
    if (n == 0)
      break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

int file_ops::write(int fd, bytes_view data, uint64_t offset) {
  while (!data.empty()) {
    auto n = uninterrupted([&] { return do_write(fd, data, offset); });
    if (n < 0)
      return static_cast<int>(n);
    if (n == 0) // would go on for ever
      return -EIO;
    data = data.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return 0;
}

int file_ops::sync(int fd) {
  syncs_.fetch_add(1, std::memory_order_relaxed);
  return uninterrupted([&] { return do_sync(fd); });
}

int file_ops::stat(int fd, struct stat& out) {
  return uninterrupted([&] { return do_stat(fd, out); });
}

int file_ops::stat(const std::string& path, struct stat& out) {
  return uninterrupted([&] { return do_stat(path, out); });
}

int file_ops::rename(const std::string& from, const std::string& to) {
  return uninterrupted([&] { return do_rename(from, to); });
}

int file_ops::unlink(const std::string& path) {
  return uninterrupted([&] { return do_unlink(path); });
}

int file_ops::make_directory(const std::string& path) {
  return uninterrupted([&] { return do_make_directory(path); });
}

int file_ops::remove_directory(const std::string& path) {
  return uninterrupted([&] { return do_remove_directory(path); });
}

int file_ops::list(const std::string& path, const entry_fn& f) {
  return uninterrupted([&] { return do_list(path, f); });
}

int file_ops::lock(int fd, lock_kind kind, uint64_t offset, uint64_t size,
                   bool wait) {
  return uninterrupted([&] { return do_lock(fd, kind, offset, size, wait); });
}

int file_ops::test_lock(int fd, uint64_t offset, uint64_t size) {
  return uninterrupted([&] { return do_test_lock(fd, offset, size); });
}

int file_ops::lock_whole(int fd, lock_kind kind, bool wait) {
  return uninterrupted([&] { return do_lock_whole(fd, kind, wait); });
}

int file_ops::set_modified(int fd, const struct timespec& when) {
  return uninterrupted([&] { return do_set_modified(fd, when); });
}

// -- the calls themselves -----------------------------------------------------

int file_ops::do_open(const std::string& path, int flags) {
  return or_errno(::open(path.c_str(), flags | O_CLOEXEC, 0666));
}

void file_ops::do_close(int fd) {
  ::close(fd);
}

ssize_t file_ops::do_read(int fd, std::span<std::byte> dst, uint64_t offset) {
  return or_errno(
    ::pread(fd, dst.data(), dst.size(), static_cast<off_t>(offset)));
}

ssize_t file_ops::do_write(int fd, bytes_view data, uint64_t offset) {
  return or_errno(
    ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)));
}

int file_ops::do_sync(int fd) {
  return or_errno(::fsync(fd));
}

int file_ops::do_stat(int fd, struct stat& out) {
  return or_errno(::fstat(fd, &out));
}

int file_ops::do_stat(const std::string& path, struct stat& out) {
  return or_errno(::stat(path.c_str(), &out));
}

int file_ops::do_rename(const std::string& from, const std::string& to) {
  return or_errno(::rename(from.c_str(), to.c_str()));
}

int file_ops::do_unlink(const std::string& path) {
  return or_errno(::unlink(path.c_str()));
}

int file_ops::do_make_directory(const std::string& path) {
  return or_errno(::mkdir(path.c_str(), 0777));
}

int file_ops::do_remove_directory(const std::string& path) {
  return or_errno(::rmdir(path.c_str()));
}

int file_ops::do_list(const std::string& path, const entry_fn& f) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(path.c_str()), ::closedir};
  if (!dir)
    return -errno;
  for (;;) {
    errno = 0;
    auto* entry = ::readdir(dir.get());
    if (entry == nullptr)
      return -errno;
    std::string_view name = entry->d_name;
    if (name == "." || name == "..")
      continue;
    f(name, entry->d_type == DT_UNKNOWN
              ? kind_of(path + "/" + std::string{name})
              : kind_of(*entry));
  }
}

int file_ops::do_lock(int fd, lock_kind kind, uint64_t offset, uint64_t size,
                      bool wait) {
  struct flock what {};
  what.l_type = kind == lock_kind::shared      ? F_RDLCK
                : kind == lock_kind::exclusive ? F_WRLCK
                                               : F_UNLCK;
  what.l_whence = SEEK_SET;
  what.l_start = static_cast<off_t>(offset);
  what.l_len = static_cast<off_t>(size);
  auto result = or_errno(::fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &what));
  return result == -EACCES ? -EAGAIN : result;
}

int file_ops::do_test_lock(int fd, uint64_t offset, uint64_t size) {
  struct flock what {};
  what.l_type = F_WRLCK;
  what.l_whence = SEEK_SET;
  what.l_start = static_cast<off_t>(offset);
  what.l_len = static_cast<off_t>(size);
  if (::fcntl(fd, F_OFD_GETLK, &what) != 0)
    return -errno;
  return what.l_type == F_UNLCK ? 0 : 1;
}

int file_ops::do_lock_whole(int fd, lock_kind kind, bool wait) {
  auto operation = kind == lock_kind::shared      ? LOCK_SH
                   : kind == lock_kind::exclusive ? LOCK_EX
                                                  : LOCK_UN;
  return or_errno(::flock(fd, wait ? operation : operation | LOCK_NB));
}

int file_ops::do_set_modified(int fd, const struct timespec& when) {
  struct timespec times[2]{{0, UTIME_OMIT}, when};
  return or_errno(::futimens(fd, times));
}

} // namespace larder::detail
