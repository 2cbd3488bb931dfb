// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Events on their way to one watcher.

#pragma once

#include "larder/messages/watches.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>

namespace larder::internal {

/// An event as all who want to see it share it, within one actor: references
/// are counted without regard to other threads.
struct numbered_event
  : boost::intrusive_ref_counter<numbered_event, boost::thread_unsafe_counter> {
  numbered_event(uint64_t n, size_t bytes, change_event event)
    : sequence(n), size(bytes), content(std::move(event)) {
    // nop
  }

  /// Counts all events of a store from 1.
  uint64_t sequence;
  /// Memory that it keeps alive, in bytes, roughly.
  size_t size;
  change_event content;
};

using event_ptr = boost::intrusive_ptr<const numbered_event>;

/// Whether two events belong to the same batch.
inline bool same_batch(const numbered_event& x,
                       const numbered_event& y) noexcept {
  return x.content.batch != 0 && x.content.batch == y.content.batch;
}

/// Keeps events until they have been received. Over its bounds the oldest go,
/// batches as a whole, and are counted.
class watch_buffer {
public:
  watch_buffer(uint64_t max_events, size_t max_bytes)
    : max_events_(max_events), max_bytes_(max_bytes) {
    // nop
  }

  /// Takes an event, or all of one batch.
  /// @returns how many events have been dropped for good
  uint64_t push(std::span<const event_ptr> group);

  /// Notes that events have been missed; 0: nobody knows how many.
  void miss(uint64_t count);

  /// Drops what came before `rev` became the revision, and that event itself.
  void forget_until(const revision& rev);

  /// Whether there is something to say that has not been said.
  bool has_news() const noexcept {
    return events_.size() > delivered_ || unsaid_.resync;
  }

  /// Makes the next reply. Its events stay until they are acknowledged.
  /// @param limit greatest number of events, unless the first batch has more
  /// @param end where a watcher stands that has seen everything
  fetch_events_reply take(uint64_t limit, const watch_position& end);

  /// Forgets the events up to a position; what was taken after it is going to
  /// be taken again. Nothing: forgets all that was taken.
  void acknowledge(const std::optional<watch_position>& received);

  size_t size() const noexcept {
    return events_.size();
  }

private:
  struct gap {
    bool resync = false;
    uint64_t missed = 0;

    void add(uint64_t n) {
      resync = true;
      missed += n;
    }
  };

  bool over(size_t events, size_t bytes) const noexcept {
    return events > max_events_ || bytes > max_bytes_;
  }

  void pop();
  uint64_t drop_oldest();

  uint64_t max_events_;
  size_t max_bytes_;
  std::deque<event_ptr> events_;
  size_t bytes_ = 0;
  /// How many at the front have been taken, and up to where.
  size_t delivered_ = 0;
  uint64_t delivered_to_ = 0;
  /// How many had been taken when they were dropped: missed if they got lost.
  uint64_t in_doubt_ = 0;
  /// What is to be said with the next reply, and what the last one said.
  gap unsaid_;
  gap said_;
};

} // namespace larder::internal
