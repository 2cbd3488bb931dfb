// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/stage.hpp"
#include "larder/detail/konserve/incoming.hpp"
#include "larder/detail/konserve/state.hpp"

#include <memory>
#include <string>

namespace larder::detail::ksv {

/// A blob that is written to a file piece by piece. As the metadata that stand
/// before its value are known last and have no size of their own, room is left
/// for them and filled up.
class staged_file : public staged_blob {
public:
  /// Creates the file.
  static expected<std::unique_ptr<staged_file>>
  make(std::shared_ptr<store_state> state, std::string_view key, const uuid& id,
       uint64_t prefix_size);

  ~staged_file() override;

  expected<void> append(bytes_view data) override;

  expected<void> set_prefix(bytes_view data) override;

  /// Checks that the blob can be committed under `key`.
  expected<void> check_complete(const store_state& state,
                                const std::string& key) const;

  const bytes& prefix() const noexcept {
    return prefix_;
  }

  uint64_t value_size() const noexcept {
    return size_;
  }

  /// Reads the whole blob as it was given.
  expected<bytes> read_all() const;

  /// Writes header and metadata of a binary.
  expected<void> write_prefix(const incoming_blob& x,
                              const private_metadata& own);

  /// The file; it must not be published before `write_prefix`.
  staging_file& file() noexcept {
    return file_;
  }

  /// Takes no more writes nor commits: it has been committed, or its content
  /// is not known after a failure.
  void finish() noexcept {
    finished_ = true;
    file_.close();
  }

private:
  staged_file(std::shared_ptr<store_state> state, std::string_view key,
              const uuid& id, uint64_t prefix_size);

  std::shared_ptr<store_state> state_;
  std::string key_;
  uuid id_;
  uint64_t prefix_size_;
  size_t metadata_size_; ///< that is left free, before encryption
  uint64_t value_offset_;
  uint64_t size_ = 0;
  bytes prefix_;
  bool has_prefix_;
  bool finished_ = false;
  staging_file file_;
};

/// Removes staging files of larder processes that are gone. Those of konserve
/// are left alone: nobody can tell whether they are in use.
/// @pre the caller is writing
/// @returns false if some could not be looked at or removed
bool sweep_orphans(store_state& state);

} // namespace larder::detail::ksv
