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

/// A key of a snapshot, written by its owner.
struct snapshot_item {
  value key;
  size_t owner = 0;

  /// What its owner has seen, without regard to the time, and when.
  bool present = false;
  std::optional<int64_t> expiry;
  expected<get_reply> content;
  const change_counters::counter* changes = nullptr;
  uint64_t seen = 0;

  void take(const entry& state);

  void fail(const error& err);

  bool changed() const noexcept {
    return changes->load() != seen;
  }
};

/// A multi_get under way.
class snapshot {
public:
  snapshot(std::vector<value> keys, size_t key_actors,
           change_counters& changes);

  std::vector<snapshot_item> items;

  /// Which items each owner has to look at.
  std::vector<std::vector<size_t>> todo;

  /// How often something had changed.
  int attempts = 0;

  /// Asks again for what has changed; returns how much that is.
  size_t mark_changed();

  /// Makes the answer.
  expected<multi_get_reply> reply(int64_t now);

  std::vector<value> take_keys();
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
