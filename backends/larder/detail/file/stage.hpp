// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/state.hpp"

#include <memory>
#include <string>

namespace larder::detail {

/// A file that has a staging name and no readers yet. Unless it is published,
/// its name is removed by the destructor.
class staging_file {
public:
  staging_file() = default;
  staging_file(const staging_file&) = delete;
  ~staging_file();

  /// Creates the file.
  /// @param ops outlives this object
  expected<void> create(file_ops& ops, const std::string& dir,
                        std::string_view name);

  /// Creates the file and locks it until it is closed: that tells sweepers that
  /// it is no orphan.
  expected<void> create_locked(file_ops& ops, const std::string& dir,
                               std::string_view name);

  const file_handle& handle() const noexcept {
    return handle_;
  }

  /// Closes the file, for those that will only rename it.
  void close() noexcept {
    handle_.close();
  }

  /// Renames the file to `path` and lets go of it.
  /// @returns `io_error`; with data loss if it is not certain that the file was
  ///          not renamed
  expected<void> publish(const std::string& path);

  /// Removes the file.
  /// @returns false if it may be there still
  bool discard() noexcept;

  /// Lets go of the file, which stays where it is.
  void release() noexcept {
    ops_ = nullptr;
  }

  /// What is unique in the file's name.
  const uuid& id() const noexcept {
    return id_;
  }

private:
  uuid id_;
  file_handle handle_;
  file_ops* ops_ = nullptr; // null: there is no file
  std::string path_;
};

/// A blob that is written to a file piece by piece.
class file_staged_blob : public staged_blob {
public:
  /// Creates the file.
  static expected<std::unique_ptr<file_staged_blob>>
  make(std::shared_ptr<file_state> state, std::string_view key,
       uint64_t prefix_size);

  ~file_staged_blob() override;

  expected<void> append(bytes_view data) override;

  expected<void> set_prefix(bytes_view data) override;

  /// Checks that the blob can be committed under `key` and writes what stands
  /// behind it.
  expected<void> complete(const file_state& state, const std::string& key);

  /// The file; it must not be published before `complete`.
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
  file_staged_blob(std::shared_ptr<file_state> state, std::string_view key,
                   uint64_t prefix_size);

  expected<void> check_open() const;
  expected<void> write(bytes_view data, uint64_t offset);

  std::shared_ptr<file_state> state_;
  std::string key_;
  file_name name_;
  uint64_t prefix_size_;
  uint64_t size_;
  bool has_prefix_;
  bool finished_ = false;
  staging_file file_;
};

/// Removes a staging file unless somebody holds its lock.
/// @returns false if it could not be looked at or removed
bool sweep_file(file_ops& ops, const std::string& path);

/// Removes the staging files in directory `dir` whose writers are gone. The
/// caller holds the directory's lock.
/// @returns false if some could not be looked at or removed
bool sweep_orphans(file_state& state, unsigned dir);

} // namespace larder::detail
