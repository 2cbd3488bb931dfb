// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/names.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"

#include <bitset>
#include <memory>
#include <string>

namespace larder::detail {

/// A set of fan-out directories.
using dir_set = std::bitset<fan_out>;

/// The file `lock` of a store. Byte 0 to 255 stand for the fan-out directories:
/// who writes into one holds its byte. Byte 256 is held by everybody who has
/// the store open: shared, or exclusively. Byte 257 holds a POSIX lock of an
/// exclusive holder, which tells others its process id. Byte 258 is the group
/// lock. The locks end with the process, however it ends. The file holds one
/// number of 8 bytes; what it and the group lock mean says `group_gate`.
class store_lock {
public:
  /// Name of the file.
  static constexpr std::string_view file = "lock";

  /// Opens the lock file in `dir` and takes byte 256.
  /// @param create make the file if it is missing
  /// @returns `locked` if others have the store open so that this cannot be,
  ///          `not_found` without lock file
  static expected<store_lock> acquire(std::shared_ptr<file_ops> ops,
                                      const std::string& dir, lock_kind kind,
                                      bool create);

  /// Waits for the bytes of `dirs`, in ascending order so that writers of
  /// several directories cannot wait for each other in a circle. Does nothing
  /// when the store is held exclusively.
  expected<void> lock_dirs(const dir_set& dirs);

  /// Gives up all directories.
  void unlock_dirs() noexcept;

  /// Waits for the group lock or gives it up. Does nothing when the store is
  /// held exclusively.
  expected<void> lock_groups(lock_kind kind) noexcept;

  /// Reads the number in the file. Any thread.
  expected<uint64_t> read_word() const;

  expected<void> write_word(uint64_t x);

private:
  std::shared_ptr<file_ops> ops_;
  file_handle file_;
  bool exclusive_ = false;
};

} // namespace larder::detail
