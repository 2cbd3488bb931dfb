// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/stage.hpp"
#include "larder/detail/file/state.hpp"

#include <map>
#include <optional>
#include <vector>

namespace larder::detail {

/// Takes one batch through its phases: lock, check, write all, sync all, rename
/// all, sync each directory once. Every mutation has an outcome of its own; one
/// that has failed takes no part in the phases that follow.
class file_commit {
public:
  /// @pre the caller holds `state.writing` for the life of this object
  file_commit(file_state& state, std::span<mutation> batch);

  /// Gives up the locks.
  ~file_commit();

  file_commit(const file_commit&) = delete;

  std::vector<commit_outcome> run();

private:
  struct step {
    mutation* what = nullptr;
    file_name name;
    bool existed = false;
    /// The file with the new blob, if it is not `staged`.
    staging_file file;
    file_staged_blob* staged = nullptr;
    std::optional<error> problem;
    bool erases() const {
      return std::holds_alternative<std::monostate>(what->content);
    }
    bool puts() const {
      return !erases() && !std::holds_alternative<keep>(what->content);
    }
    staging_file& source() {
      return staged ? staged->file() : file;
    }
  };

  // -- phases, see file_commit.cpp --------------------------------------------

  void prepare(step& x);
  void check(step& x);
  void make_directories();
  void sweep();
  void write_all();
  void write_files(std::span<step*> wave);
  expected<void> write(step& x);
  void sync_files(std::span<step*> wave);
  void open_directories();
  void publish(step& x);
  void sync_directories();

  // -- utilities --------------------------------------------------------------

  /// Returns the steps that have not failed.
  std::vector<step*> live();
  std::vector<step*> live_puts();
  dir_set live_dirs();
  void fail_dir(unsigned dir, const error& problem, bool data_loss);
  void drop(step& x, error problem);

  file_state& state_;
  std::vector<step> steps_;
  std::map<unsigned, file_handle> open_dirs_;
};

} // namespace larder::detail
