// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading several keys as of one point in time, without holding them.
///
/// Each key actor looks at its keys and notes the counters of their changes.
/// When all have, the one that was asked compares: counters that stand where
/// they stood prove that nothing has changed in between, so all was so at once.
/// What has changed is looked at again, and all is compared again; when that
/// does not end, the keys are held. Only for engines that nobody else writes
/// to: those of others cannot be noticed.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/change_counters.hpp"
#include "larder/internal/key_actor_parts.hpp"
#include "larder/internal/promise.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace larder::internal {

/// What the owner of a key of a snapshot has seen, and when.
struct snapshot_item {
  const change_counters::counter* changes = nullptr;
  uint64_t seen = 0;

  /// Without regard to the time of the answer.
  int64_t gone_from = 0;

  /// Why there is no value, should the key be there at that time.
  std::unique_ptr<error> failure;

  bool changed() const noexcept {
    return changes->load() != seen;
  }
};

/// A multi_get under way. Its memory is what thousands of them compete for
/// caches with, so the answer is made in place.
class snapshot {
public:
  snapshot(std::vector<value> keys, size_t key_actors,
           change_counters& changes);

  /// Which keys each owner has to look at.
  std::vector<std::vector<size_t>> todo;

  /// How often something had changed.
  int attempts = 0;

  size_t size() const noexcept {
    return items_.size();
  }

  const value& key(size_t i) const noexcept {
    return answer_.found[i].key;
  }

  /// Notes what the owner of the i-th key has seen.
  void take(size_t i, const entry& state);

  void fail(size_t i, const error& err);

  /// Asks again for what has changed; returns how much that is.
  size_t mark_changed();

  expected<multi_get_reply> take_reply(int64_t now);

  std::vector<value> take_keys();

private:
  multi_get_reply answer_;
  std::vector<snapshot_item> items_; ///< as many as keys
};

/// The part of one key actor in snapshots.
class snapshot_reader {
public:
  /// Called with keys that change too often, to read them while they are held.
  using fallback_fn
    = std::function<void(multi_get_request, promise<multi_get_reply>)>;

  snapshot_reader(key_actor_parts& parts, fallback_fn fallback)
    : parts_(parts), fallback_(std::move(fallback)) {
    // nop
  }

  /// Begins to read; returns what can be answered at once.
  void start(multi_get_request req, promise<multi_get_reply> answer);

  /// Looks at the keys of this key actor for another one.
  void look(const snapshot_ptr& what, const caf::actor& asked_by);

  /// Takes note that one of the others has looked.
  void looked(const snapshot_ptr& what);

  bool idle() const noexcept {
    return waiting_.empty() && looking_ == 0;
  }

private:
  class look_operation;

  /// A snapshot that this key actor was asked for.
  struct request {
    promise<multi_get_reply> answer;
    stopwatch age;
    size_t missing = 0; ///< key actors that have not looked yet
  };

  void ask(const snapshot_ptr& what, request& req);
  void finish(const snapshot_ptr& what);

  key_actor_parts& parts_;
  fallback_fn fallback_;
  std::unordered_map<const snapshot*, request> waiting_;
  size_t looking_ = 0;
};

} // namespace larder::internal
