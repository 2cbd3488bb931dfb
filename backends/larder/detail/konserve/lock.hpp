// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Who may do what in the directory of a konserve store, without any file that
/// konserve does not know.

#pragma once

#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <map>
#include <memory>
#include <string>

namespace larder::detail::ksv {

/// Locks on the directory itself and on konserve's fences. All end with the
/// process, however it ends.
///
/// - Who writes holds the directory's flock(2). Only larder takes it.
/// - Who has the store open holds byte 0 of the directory with a shared lock of
///   an open file description; larder alone, to tell who else is there.
/// - Who writes a key that has a `.cas` file holds an exclusive lock on the
///   whole of that, as konserve does.
class store_lock {
public:
  /// Marks the store in `dir` as open.
  /// @param exclusively nobody else may have it open, and nobody can open it
  ///        as long as this lives
  /// @returns `not_found` without directory, `locked`, `io_error`
  static expected<store_lock> acquire(std::shared_ptr<file_ops> ops,
                                      const std::string& dir, bool exclusively);

  /// Waits for all other larder processes that write.
  /// @returns as `check_place`
  expected<void> begin_writing();

  /// Checks that the directory which was opened is still the one with its
  /// path: another one has other locks, and its keys tell nothing of this
  /// store's. Any thread.
  /// @returns `io_error`
  expected<void> check_place() const;

  /// Gives up what `begin_writing` and `fence` took.
  void end_writing() noexcept;

  /// Waits for the fence of a key if it has one.
  /// @param make whether to make one that is missing
  /// @pre the caller is writing, and fences in ascending order
  expected<void> fence(const uuid& id, bool make);

  const file_handle& directory() const noexcept {
    return dir_;
  }

private:
  expected<void> lock();

  std::shared_ptr<file_ops> ops_;
  file_handle dir_;
  std::map<uuid, file_handle> fences_;
};

} // namespace larder::detail::ksv
