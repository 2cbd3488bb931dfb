// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "environment.hpp"

#include "larder/backend.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace larder::detail {

/// Commits batches. Those that arrive while another is being committed go out
/// together as the next transaction, with one sync. Thread-safe.
class lmdb_committer {
public:
  explicit lmdb_committer(std::shared_ptr<lmdb_environment> env,
                          lmdb_write_options options)
    : env_(std::move(env)), options_(options) {
    // nop
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch);

private:
  struct request {
    std::span<mutation> batch;
    std::vector<commit_outcome> outcomes;
    bool done = false;
  };

  void run(std::span<request* const> requests);

  std::shared_ptr<lmdb_environment> env_;
  lmdb_write_options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<request*> waiting_;
  bool busy_ = false;
};

} // namespace larder::detail
