// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The system calls of the file engine. Tests replace them to record what is
/// done, to make calls fail and to compute what a crash may leave behind.

#pragma once

#include "larder/bytes.hpp"

#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace larder::detail {

/// What a name in a directory stands for.
enum class file_kind : uint8_t { regular, directory, other };

/// A lock on a range of bytes.
enum class lock_kind : uint8_t { shared, exclusive, none };

/// The public functions are what the engine calls: they repeat interrupted
/// calls and go on after short ones. The virtual ones below are the calls
/// themselves. All return the negated `errno` on failure. Thread-safe.
class file_ops {
public:
  virtual ~file_ops() = default;

  /// Opens a file (closed on exec, mode 0666 if created).
  /// @returns the descriptor
  int open(const std::string& path, int flags);

  /// Closes a descriptor. Failures mean nothing here: data that matters has
  /// been synced before.
  void close(int fd);

  /// Fills `dst` from `offset`.
  /// @returns the number of bytes, less than asked for only at the file's end
  ssize_t read(int fd, std::span<std::byte> dst, uint64_t offset);

  /// Writes all of `data` at `offset`.
  int write(int fd, bytes_view data, uint64_t offset);

  /// Makes content (of a directory: its entries) durable. Never repeated after
  /// a failure: the kernel may have dropped what it could not write.
  int sync(int fd);

  /// Returns how often `sync` was called.
  uint64_t syncs() const noexcept {
    return syncs_.load(std::memory_order_relaxed);
  }

  int stat(int fd, struct stat& out);
  int stat(const std::string& path, struct stat& out);
  int rename(const std::string& from, const std::string& to);
  int unlink(const std::string& path);
  int make_directory(const std::string& path);
  int remove_directory(const std::string& path);

  /// Calls `f` for each entry except "." and "..".
  using entry_fn = std::function<void(std::string_view name, file_kind kind)>;
  int list(const std::string& path, const entry_fn& f);

  /// Sets a lock that belongs to the open file description (F_OFD_SETLK), on
  /// `size` bytes from `offset`; size 0: to the end.
  /// @returns -EAGAIN if another description holds it and `wait` is false
  int lock(int fd, lock_kind kind, uint64_t offset, uint64_t size, bool wait);

  /// Returns 1 if a lock that others hold is in the way of an exclusive one on
  /// these bytes, else 0. Works for directories, which cannot be locked so.
  int test_lock(int fd, uint64_t offset, uint64_t size);

  /// Sets a lock on the whole file or directory (flock(2)), which has nothing
  /// to do with those of `lock`.
  /// @returns -EAGAIN if another description holds it and `wait` is false
  int lock_whole(int fd, lock_kind kind, bool wait);

  /// Sets when the content was last modified.
  int set_modified(int fd, const struct timespec& when);

protected:
  virtual int do_open(const std::string& path, int flags);
  virtual void do_close(int fd);
  virtual ssize_t do_read(int fd, std::span<std::byte> dst, uint64_t offset);
  virtual ssize_t do_write(int fd, bytes_view data, uint64_t offset);
  virtual int do_sync(int fd);
  virtual int do_stat(int fd, struct stat& out);
  virtual int do_stat(const std::string& path, struct stat& out);
  virtual int do_rename(const std::string& from, const std::string& to);
  virtual int do_unlink(const std::string& path);
  virtual int do_make_directory(const std::string& path);
  virtual int do_remove_directory(const std::string& path);
  virtual int do_list(const std::string& path, const entry_fn& f);
  virtual int do_lock(int fd, lock_kind kind, uint64_t offset, uint64_t size,
                      bool wait);
  virtual int do_test_lock(int fd, uint64_t offset, uint64_t size);
  virtual int do_lock_whole(int fd, lock_kind kind, bool wait);
  virtual int do_set_modified(int fd, const struct timespec& when);

private:
  std::atomic<uint64_t> syncs_{0};
};

} // namespace larder::detail
