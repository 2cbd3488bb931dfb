// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/error.hpp"

#include <cstdint>
#include <string>

namespace larder::detail::sqlite {

/// Tells who is alive among those that write unfinished chunks. Each has a
/// number and holds the lock on the byte with that number of the file
/// `FILE-stages` (F_OFD_SETLK), which ends with the process. A file of its own,
/// since closing the database file anywhere in a process would end SQLite's
/// locks on it.
class stage_lock {
public:
  /// @param path of the database
  explicit stage_lock(const std::string& path);

  stage_lock(const stage_lock&) = delete;
  stage_lock& operator=(const stage_lock&) = delete;

  ~stage_lock();

  /// Takes a number, making the file if need be. Only the first call does.
  expected<void> hold();

  /// The number taken, or one that nobody has.
  int64_t owner() const noexcept {
    return owner_;
  }

  /// Whether the holder of a number lives. In doubt it does.
  bool is_alive(int64_t owner) const;

private:
  std::string path_;
  int fd_ = -1;
  int64_t owner_ = -1;
};

} // namespace larder::detail::sqlite
