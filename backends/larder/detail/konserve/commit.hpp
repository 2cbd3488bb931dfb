// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/stage.hpp"
#include "larder/detail/konserve/log_change.hpp"
#include "larder/detail/konserve/stage.hpp"
#include "larder/detail/konserve/state.hpp"

#include <deque>
#include <optional>
#include <set>
#include <vector>

namespace larder::detail::ksv {

/// Takes one batch through its phases: lock, check, write all, sync all, rename
/// all, sync the directory. Every mutation has an outcome of its own; one that
/// has failed takes no part in the phases that follow.
class batch_commit {
public:
  /// @pre the caller holds `state.writing` for the life of this object
  batch_commit(store_state& state, std::span<mutation> batch);

  /// Gives up the locks.
  ~batch_commit();

  batch_commit(const batch_commit&) = delete;

  std::vector<commit_outcome> run();

private:
  /// A file on its way to its name.
  struct new_file {
    planned_blob blob;
    std::optional<struct timespec> modified;
    staging_file file;
  };

  struct step {
    const mutation* what = nullptr;
    value key;
    uuid id; ///< of the key's blob
    std::optional<incoming_blob> incoming;
    bytes joined; ///< a staged blob that is not written as it is
    staged_file* staged = nullptr; ///< one that is
    bool existed = false;
    new_file head;
    std::deque<new_file> nodes;
    std::optional<new_file> link;
    /// Ids of log nodes to remove in the end.
    std::vector<uuid> unlinked;
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
  };

  // -- phases, in this order; the last three in konserve_commit_publish.cpp ---

  void prepare(step& x);
  void lock();
  void check(step& x);
  void plan(step& x, const std::optional<stored_blob>& holder);
  void sweep();
  void write_all();
  void publish_logs();
  void publish();
  void clean_up();

  // -- utilities --------------------------------------------------------------

  expected<void> prepare_staged(step& x);
  expected<void> write(new_file& x);
  expected<void> write_staged(step& x);
  expected<void> publish_file(staging_file& file, const uuid& id);
  bool sync_directory(bool data_loss);
  std::vector<step*> live();
  void drop(step& x, error problem);

  store_state& state_;
  std::deque<step> steps_;
  std::set<uuid> put_; ///< ids of blobs that the batch puts
};

} // namespace larder::detail::ksv
