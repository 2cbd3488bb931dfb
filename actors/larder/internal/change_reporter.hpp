// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The part of one key actor in watching.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/shard.hpp"
#include "larder/internal/watch_backlog.hpp"
#include "larder/internal/watch_table.hpp"

#include <cstdint>

namespace larder::internal {

/// Gathers the changes of keys that are watched, and sends them to the hub many
/// at a time.
class change_reporter {
public:
  change_reporter(caf::event_based_actor* self, context_ptr ctx)
    : self_(self), ctx_(std::move(ctx)) {
    // nop
  }

  /// Begins to look out for a scope. Everything before has been reported then.
  void add(const add_scope& msg, caf::actor hub);

  void remove(uint64_t scope);

  /// Whether anything is watched.
  bool active() const noexcept {
    return !table_.empty();
  }

  /// Whether the values before changes are asked for, of any key at all and of
  /// `key`.
  bool wants_before() const noexcept {
    return with_before_ > 0;
  }

  bool wants_before(const value& key) const;

  /// Takes note of a durable change.
  /// @param batch not 0: the same for all changes of a batch, which follow each
  ///              other without a `flush`
  void changed(const committed_change& x, uint64_t batch = 0);

  /// Takes note of a change of which nobody knows whether it is durable: all
  /// watchers have to look again.
  void in_doubt();

  /// Tells the hub. To be called after each run of messages, and before another
  /// actor may report changes of the same keys.
  void flush();

private:
  caf::event_based_actor* self_;
  context_ptr ctx_;
  caf::actor hub_;
  watch_table<> table_;
  size_t with_before_ = 0; ///< scopes that want values before changes
  event_list events_;
  size_t bytes_ = 0;
  int64_t stamp_ = 0; ///< of the last of `events_`
};

} // namespace larder::internal
