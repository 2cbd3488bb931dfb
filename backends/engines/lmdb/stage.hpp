// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "environment.hpp"
#include "layout.hpp"

#include "larder/backend.hpp"

#include <functional>
#include <memory>
#include <string>

namespace larder::detail {

/// A blob that is written as chunks of a generation that no key has. A stage
/// record says who is at it, so that others can remove what a dead process has
/// left.
class lmdb_staged_blob : public staged_blob {
public:
  lmdb_staged_blob(std::shared_ptr<lmdb_environment> env,
                   lmdb_write_options options, std::string_view key,
                   uint64_t prefix_size);

  ~lmdb_staged_blob() override;

  expected<void> append(bytes_view data) override;

  expected<void> set_prefix(bytes_view data) override;

  /// Returns whether the blob can be committed to `key` of `env`.
  expected<void> check_complete(const lmdb_environment& env,
                                const std::string& key) const;

  /// Puts the blob under its key, as part of a larger transaction. What was
  /// there is the caller's to remove.
  int put(MDB_txn* txn) const;

  /// Called when that transaction was committed: the chunks are the key's.
  void committed() noexcept;

  /// Called when it failed for a reason other than this blob.
  void failed() noexcept {
    finished_ = true;
  }

private:
  /// Size of the blob so far, with its prefix.
  uint64_t size() const noexcept;

  expected<void> check_open() const;
  expected<void> flush();
  void discard() noexcept;

  std::shared_ptr<lmdb_environment> env_;
  lmdb_write_options options_;
  std::string key_;
  uint64_t prefix_size_;
  bytes prefix_;
  bool has_prefix_;
  /// What is not in the file yet: less than is written at once.
  bytes buffer_;
  uint64_t generation_ = 0; ///< 0: nothing is in the file
  uint32_t chunks_ = 0;     ///< in the file
  bool finished_ = false;
};

/// Removes the chunks of one staged blob whose owner is dead.
/// @param more set to whether there was one
int lmdb_sweep_orphan(MDB_txn* txn,
                      const std::function<bool(uint64_t owner)>& is_dead,
                      bool& more);

} // namespace larder::detail
