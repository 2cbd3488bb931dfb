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
/// that has failed takes no part in the phases that follow, nor does its group.
/// Groups of several changes are recorded before they are carried out, all in
/// one record.
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
    /// A record tells of it: from then on it cannot fail alone.
    bool recorded = false;
    std::optional<error> problem;
    bool erases() const {
      return std::holds_alternative<std::monostate>(what->content);
    }
    bool keeps() const {
      return std::holds_alternative<keep>(what->content);
    }
    bool puts() const {
      return !erases() && !keeps();
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
  void sync_directories(const dir_set& dirs, bool data_loss);

  // -- phases of groups, see file_commit_groups.cpp ---------------------------

  void publish_groups();
  expected<void> apply_recorded(const intent& changes);
  void finish_groups();
  void mark_recorded();
  std::vector<step*> live_recorded();
  void fail_groups();
  void lose_recorded(const error& problem);

  // -- utilities --------------------------------------------------------------

  /// Returns the steps that have not failed.
  std::vector<step*> live();
  std::vector<step*> live_puts();
  static dir_set dirs_of(const std::vector<step*>& steps);
  dir_set changed_dirs();
  void fail_dir(unsigned dir, const error& problem, bool data_loss);
  void drop(step& x, error problem);

  file_state& state_;
  std::span<const mutation> batch_;
  std::vector<step> steps_;
  std::map<unsigned, file_handle> open_dirs_;
};

} // namespace larder::detail
