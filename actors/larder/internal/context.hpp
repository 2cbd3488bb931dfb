// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What all actors of one store share.

#pragma once

#include "larder/chain.hpp"
#include "larder/internal/change_counters.hpp"
#include "larder/internal/journal.hpp"
#include "larder/internal/statistics.hpp"
#include "larder/internal/watch_backlog.hpp"
#include "larder/store.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace larder::internal {

/// Immutable but for the clock and the counters. `engine` is released by the
/// store actor when all others have been drained.
class store_context {
public:
  explicit store_context(store_config cfg);

  const store_config& config() const noexcept {
    return config_;
  }

  backend& engine() const noexcept {
    return *engine_;
  }

  const chain& blobs() const noexcept {
    return chain_;
  }

  const capabilities& caps() const noexcept {
    return caps_;
  }

  /// Whether key actors call the engine themselves.
  bool in_place() const noexcept {
    return caps_.nonblocking && caps_.concurrent_commits
           && !config_.deterministic;
  }

  /// Whether others may write to the engine, so that what is cached must be
  /// checked and what is written fenced.
  bool shared() const noexcept {
    return caps_.domain != write_domain::process;
  }

  /// The wall clock, ms since 1970: may step back.
  int64_t now() const {
    return config_.clock();
  }

  /// The clock that stamps commits: never goes back within this store.
  int64_t stamp();

  /// Tell whether keys have changed.
  change_counters& changes() noexcept {
    return changes_;
  }

  /// A number for a group of mutations that no other group has.
  uint64_t new_group() noexcept {
    return last_group_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  /// How far the clocks of those who write to the engine may be apart, in ms.
  /// One machine has one clock.
  int64_t clock_allowance() const noexcept {
    return caps_.domain == write_domain::global
             ? config_.clock_allowance.count()
             : 0;
  }

  /// Makes an error message name the engine.
  std::string name() const {
    return name_;
  }

  /// One entry per key actor, then one per backend actor, then what all others
  /// share.
  std::vector<actor_statistics>& statistics() noexcept {
    return statistics_;
  }

  /// For actors without statistics of their own: only `counter::add_shared`,
  /// and gauges that one actor sets.
  actor_statistics& shared_statistics() noexcept {
    return statistics_.back();
  }

  /// Where to tell the operator.
  const journal& log() const noexcept {
    return journal_;
  }

  /// From how many microseconds on an operation is slow; 0: never.
  uint64_t slow_after() const noexcept {
    return slow_after_;
  }

  /// What key actors have sent to the hub of watches.
  watch_backlog& backlog() noexcept {
    return backlog_;
  }

  void release_engine() noexcept {
    engine_.reset();
  }

private:
  store_config config_;
  std::shared_ptr<backend> engine_;
  chain chain_;
  capabilities caps_;
  std::string name_;
  journal journal_;
  uint64_t slow_after_;
  std::atomic<int64_t> last_stamp_{0};
  std::atomic<uint64_t> last_group_{0};
  std::vector<actor_statistics> statistics_;
  watch_backlog backlog_;
  change_counters changes_;
};

using context_ptr = std::shared_ptr<store_context>;

} // namespace larder::internal
