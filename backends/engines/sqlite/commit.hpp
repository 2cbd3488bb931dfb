// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "stage.hpp"

#include <condition_variable>

namespace larder::detail::sqlite {

/// Commits batches. What several threads commit while one transaction is under
/// way goes into the next one together, so that they share its sync.
class committer {
public:
  explicit committer(state& store) : store_(store) {
    // nop
  }

  /// See `backend::commit`. Any thread.
  std::vector<commit_outcome> commit(std::span<mutation> batch);

private:
  /// The batch of one waiting thread.
  struct job {
    std::span<mutation> batch;
    std::vector<commit_outcome> outcomes;
    bool done = false;
  };

  void run(std::span<job*> jobs) noexcept;

  state& store_;
  std::mutex mutex_;
  std::condition_variable finished_;
  std::vector<job*> waiting_;
  bool busy_ = false;
};

} // namespace larder::detail::sqlite
