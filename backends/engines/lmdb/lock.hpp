// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace larder::detail {

/// The file `larder.lock` of a store, with locks that belong to the open file
/// (F_OFD_SETLK) and so end with the process. Nobody but this class opens it.
///
/// Byte 0 is held by everybody who has the store open: shared, or exclusively
/// by who makes or destroys it. Byte 1 is held while LMDB's own files are
/// opened or closed, byte 2 while the data file is made longer. Each opener
/// that stages holds one of the bytes from `first_owner` on, which tells that
/// it lives.
class lmdb_lock {
public:
  static constexpr std::string_view file = "larder.lock";

  static constexpr uint64_t opening_byte = 1;
  static constexpr uint64_t growing_byte = 2;
  static constexpr uint64_t first_owner = uint64_t{1} << 32;

  /// Gives back the byte in the end.
  class guard {
  public:
    guard(const lmdb_lock* lock, uint64_t byte) : lock_(lock), byte_(byte) {
      // nop
    }

    guard(guard&& other) noexcept
      : lock_(std::exchange(other.lock_, nullptr)), byte_(other.byte_) {
      // nop
    }

    ~guard() {
      if (lock_ != nullptr)
        lock_->set(lock_kind::none, byte_, false);
    }

  private:
    const lmdb_lock* lock_;
    uint64_t byte_;
  };

  /// Opens the lock file in `dir`, making it if need be, and takes byte 0
  /// without waiting. On a medium that cannot be written there is no lock file
  /// to make and nobody to exclude.
  /// @returns `locked` if others have the store open so that this cannot be
  static expected<lmdb_lock> acquire(std::shared_ptr<file_ops> ops,
                                     const std::string& dir, lock_kind kind);

  /// Whether the medium cannot be written.
  bool read_only() const noexcept {
    return read_only_;
  }

  /// Waits for a byte and holds it for as long as the guard lives.
  expected<guard> hold(uint64_t byte) const;

  /// Takes a byte that nobody holds, until the lock is closed.
  /// @returns the byte
  expected<uint64_t> become_owner() const;

  /// Returns whether somebody else holds the byte `owner`.
  expected<bool> lives(uint64_t owner) const;

private:
  int set(lock_kind kind, uint64_t byte, bool wait) const;

  std::shared_ptr<file_ops> ops_;
  file_handle file_;
  bool read_only_ = false;
};

} // namespace larder::detail
