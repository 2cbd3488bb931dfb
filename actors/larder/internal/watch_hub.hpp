// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// All watches of a store, without the actor around them.
///
/// Watches share *scopes*: what key actors look out for. A scope outlives its
/// last watch for a while, so that a watcher who comes back finds in the
/// history what has happened meanwhile.

#pragma once

#include "larder/error.hpp"
#include "larder/internal/watch_buffer.hpp"
#include "larder/internal/watch_history.hpp"
#include "larder/internal/watch_table.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::internal {

/// What a request asks to see.
watched watched_by(const watch_request& req);

/// Bounds of a hub.
struct watch_limits {
  size_t max_watches;
  size_t buffer_bytes; ///< per watch
  size_t history_events;
  size_t history_bytes;
  std::chrono::milliseconds timeout; ///< of watches, and of scopes after them
};

/// What a hub has counted.
struct watch_counts {
  uint64_t events = 0; ///< of watched keys
  uint64_t dropped = 0;
};

/// Used by one actor alone; never blocks.
class watch_hub {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// @param run tells this run of the store from others
  watch_hub(const watch_limits& limits, uint64_t run);

  // -- scopes -----------------------------------------------------------------

  struct scope_handle {
    uint64_t id;
    bool added; ///< now: the key actors must be told
  };

  /// Finds or adds a scope and counts one user more.
  scope_handle enter(const watched& what);

  /// From now on all changes in the scope become known.
  /// @param stamp what is written from now on is stamped with that or later
  void complete(uint64_t scope, int64_t stamp);

  bool is_complete(uint64_t scope) const;

  /// Takes the count of a user back that has not started a watch.
  void leave(uint64_t scope, time_point now);

  // -- watches ----------------------------------------------------------------

  /// Checks what does not depend on the state.
  static expected<void> check(const watch_request& req);

  /// Finds the event after which a watcher goes on.
  /// @returns nothing if events may have been missed
  std::optional<uint64_t> find_start(const watch_request& req,
                                     int64_t stamp) const;

  /// Where a watcher stands that has seen everything.
  watch_position position() const noexcept {
    return {run_, last_};
  }

  /// Starts a watch in a complete scope that it has entered.
  /// @param id a number that is not used
  /// @param after the number of the last event that has been seen
  watch_buffer& start(uint64_t id, uint64_t scope, const watch_request& req,
                      uint64_t after, time_point now);

  /// Finds a watch and marks it as used.
  watch_buffer* find(uint64_t id, time_point now);

  bool contains(uint64_t id) const {
    return watches_.contains(id);
  }

  /// Ends a watch; returns false if there is none.
  bool end(uint64_t id, time_point now);

  size_t watches() const noexcept {
    return watches_.size();
  }

  // -- events -----------------------------------------------------------------

  /// Hands events out, which are moved from. Those of one batch follow each
  /// other.
  /// @returns the watches that have news
  std::vector<uint64_t> publish(std::span<change_event> events);

  /// Notes that events of any keys have been missed.
  /// @returns the watches
  std::vector<uint64_t> miss(uint64_t count, int64_t stamp);

  const watch_counts& counts() const noexcept {
    return counts_;
  }

  /// Makes a reply out of what has gathered for a watch.
  fetch_events_reply take(watch_buffer& from, uint64_t limit) const;

  // -- time -------------------------------------------------------------------

  /// What is over: watches that nobody uses, and scopes without watches, which
  /// the key actors must be told.
  struct expired_items {
    using scope_list = std::vector<std::pair<uint64_t, watched>>;

    std::vector<uint64_t> watches;
    scope_list scopes;
  };

  /// Ends what is over.
  /// @param busy tells whether somebody waits for the events of a watch
  template <class Busy>
  expired_items expire(time_point now, Busy busy) {
    expired_items result;
    for (auto& [id, x] : watches_)
      if (busy(id))
        x.used = now;
      else if (x.used + limits_.timeout <= now)
        result.watches.push_back(id);
    for (auto id : result.watches)
      end(id, now);
    result.scopes = expire_scopes(now);
    return result;
  }

  /// When `expire` may have to do something, at the earliest.
  std::optional<time_point> next_expiry() const;

private:
  struct watch {
    uint64_t id;
    uint64_t scope;
    bool with_before;
    bool with_after;
    watch_buffer buffer;
    time_point used;
  };

  /// What belongs to each scope.
  struct scope {
    /// Watches, and requests that are going to be some.
    size_t users = 0;
    std::vector<watch*> watches;
    time_point unused_since;
    /// Whether all changes are known, and since when.
    bool complete = false;
    uint64_t since = 0;
    int64_t since_stamp = 0;
  };

  class shared_event;

  template <class Predicate>
  bool is_covered(const watched& what, Predicate since) const;
  void publish_one(change_event& x, std::vector<uint64_t>& news);
  void publish_batch(std::span<change_event> xs, std::vector<uint64_t>& news);
  std::optional<shared_event> share(change_event& x);
  void push(watch& to, std::span<const event_ptr> group,
            std::vector<uint64_t>& news);
  expired_items::scope_list expire_scopes(time_point now);

  watch_limits limits_;
  uint64_t run_;
  uint64_t last_ = 0; ///< number of an event
  uint64_t last_scope_ = 0;
  watch_table<scope> scopes_;
  std::unordered_map<uint64_t, watch> watches_;
  watch_history history_;
  watch_counts counts_;
  std::vector<scope*> found_; ///< by `share`
};

} // namespace larder::internal
