// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What has happened lately, for watchers who come back.

#pragma once

#include "larder/internal/watch_buffer.hpp"

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <span>

namespace larder::internal {

/// The last events of a store, in the order in which they became known; of
/// batches all or none.
class watch_history {
public:
  watch_history(size_t max_events, size_t max_bytes)
    : max_events_(max_events), max_bytes_(max_bytes) {
    // nop
  }

  /// Takes an event, or all of one batch.
  void push(std::span<const event_ptr> group);

  /// Forgets everything up to the event with the number `sequence`.
  void clear(uint64_t sequence);

  /// Whether no event is missing after the one with the number `sequence`.
  bool reaches(uint64_t sequence) const noexcept {
    return sequence >= forgotten_;
  }

  /// Finds where to go on for someone who has seen all events that became known
  /// before those of the time `stamp`. Stamps do not ascend from key to key.
  /// @param last the number of the last event
  /// @returns nothing if one of them has been forgotten
  std::optional<uint64_t> find(int64_t stamp, uint64_t last) const;

  /// Finds the event that gave a key its revision.
  std::optional<uint64_t> find(const value& key, const revision& rev) const;

  /// Calls `f` for the events after the one with the number `sequence`.
  template <class F>
  void replay(uint64_t sequence, F f) const {
    for (auto i = after(sequence); i != events_.end(); ++i)
      f(*i);
  }

  size_t size() const noexcept {
    return events_.size();
  }

private:
  using container = std::deque<event_ptr>;

  container::const_iterator after(uint64_t sequence) const;

  void drop_oldest();

  size_t max_events_;
  size_t max_bytes_;
  container events_;
  size_t bytes_ = 0;
  /// The number of the last event that is not here any more, and the greatest
  /// stamp of those that are not.
  uint64_t forgotten_ = 0;
  int64_t forgotten_stamp_ = std::numeric_limits<int64_t>::min();
};

} // namespace larder::internal
