// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Makes system calls fail by plan.

#pragma once

#include "trials/faults/unsynced.hpp"
#include "trials/oracle.hpp"

#include <sys/types.h>

#include <compare>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trials {

enum class call_kind : uint8_t {
  open,     ///< an existing file
  create,   ///< open with O_CREAT (of a new file) or O_TRUNC
  read,     ///< read, pread, …
  map,      ///< mmap
  write,    ///< write, pwrite, writev, …
  sync,     ///< fsync, fdatasync, sync_file_range
  truncate, ///< ftruncate, fallocate
  rename,
  unlink,
  mkdir,
};

enum class fault_kind : uint8_t {
  io_error,
  no_space,
  interrupted,
  short_write
};

/// Which call fails, and how.
struct fault_plan {
  uint64_t at = 0; ///< number of the call; the first is 0
  fault_kind what = fault_kind::io_error;
  /// Whether all later calls fail, too: those that change something if this
  /// one does, otherwise those that read.
  bool for_ever = false;

  auto operator<=>(const fault_plan&) const = default;
};

/// Returns whether such a call can fail so.
bool applies(fault_kind what, call_kind call);

/// Prints and reads `17:EIO:once`.
std::string to_string(const fault_plan& x);
std::optional<fault_plan> parse_plan(std::string_view str);

/// Stands between the engine and the system: the functions of the C library in
/// interposer.cpp ask it. It sees calls on files below one directory only.
/// Thread-safe.
class injector {
public:
  static injector& instance();

  /// Begins to count the calls on files below `root`, an absolute path.
  void watch(std::string root, std::optional<fault_plan> plan);

  /// Lets all calls happen from now on, and counts them no longer.
  void end_faults();

  /// The store was closed: makes true what failed syncs may have lost, and
  /// forgets them.
  void lose();

  /// The calls so far, by their number.
  std::vector<call_kind> calls() const;

  /// The call that failed first, for messages.
  std::string first_failure() const;

  /// How often a call was made to fail.
  uint64_t fired() const;

  /// Syncs that were repeated after they had failed.
  violations take_violations();

  /// Paths of the files that are open.
  std::vector<std::string> open_files() const;

  // -- for interposer.cpp -----------------------------------------------------

  int open(int dir, const char* path, int flags, mode_t mode);
  int close(int fd);
  /// The file will be closed otherwise.
  void closed(int fd);
  ssize_t read(int fd, void* data, size_t size, std::optional<off_t> offset);
  ssize_t write(int fd, const void* data, size_t size,
                std::optional<off_t> offset);
  int sync(int fd);
  int sync_range(int fd, off_t offset, off_t size, unsigned flags);
  int truncate(int fd, off_t size);
  int allocate(int fd, int mode, off_t offset, off_t size);
  int rename(int from_dir, const char* from, int to_dir, const char* to,
             unsigned flags);
  int unlink(int dir, const char* path, int flags);
  int mkdir(int dir, const char* path, mode_t mode);
  void* map(void* address, size_t size, int protection, int flags, int fd,
            off_t offset);

private:
  /// Tells a file from others, whatever its name.
  using identity = std::pair<dev_t, ino_t>;

  struct open_file {
    std::string path;
    identity id;
    bool is_directory = false;
    bool syncs_itself = false; ///< O_SYNC, O_DSYNC
  };

  struct file_state {
    std::string path;
    unsynced data;
    bool sync_failed = false;
  };

  enum class verdict : uint8_t { happens, fails, is_short };

  bool is_watched(const std::string& path) const;
  const open_file* find(int fd) const;
  std::string path_of(int dir, const char* path) const;
  verdict judge(call_kind what, const std::string& path, size_t size = 0);
  bool concerns(call_kind what) const;
  bool fails(call_kind what, const std::string& path);
  bool fails(call_kind what, int fd);
  void forget(const std::string& path);
  void write_back(const file_state& x, const identity& id);

  mutable std::mutex mutex_;
  std::string root_;
  bool counting_ = false;
  std::optional<fault_plan> plan_;
  std::optional<call_kind> first_; ///< the kind of the call that failed first
  std::string first_path_;
  std::vector<call_kind> calls_;
  uint64_t fired_ = 0;
  violations violations_;
  std::map<int, open_file> open_;
  std::map<identity, file_state> files_;
};

} // namespace trials
