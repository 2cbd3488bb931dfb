// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages about changes. A watcher asks for events and is answered when there
/// are some; what it does not fetch in time is dropped and counted.

#pragma once

#include "larder/messages/common.hpp"

#include <cstdint>
#include <vector>

namespace larder {

/// How a key changed.
enum class change_kind : uint8_t {
  put,
  update,
  erase,
  expire, ///< collected after its time to live
  write,  ///< a binary
  append,
  truncate,
};

constexpr bool is_valid(change_kind x) noexcept {
  return x <= change_kind::truncate;
}

/// One durable commit of one key.
struct change_event {
  value key;
  /// Of the last change in the commit.
  change_kind kind = change_kind::put;
  /// The revision after the change; a new one for erased keys as well.
  revision rev;
  /// When it was written, ms since 1970; never decreases per key.
  int64_t stamp = 0;
  /// How many changes of the key the commit combined, at least 1.
  uint64_t combined = 1;
  /// Not 0: the same for all events of one batch or transaction, which follow
  /// each other and come in one reply.
  uint64_t batch = 0;
  /// The values before and after, if asked for and if there are: none for
  /// binaries and logs, and where nothing was or is.
  std::optional<value> before;
  std::optional<value> after;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.kind, x.rev, x.stamp, x.combined, x.batch,
                    x.before, x.after);
  }
};

/// What a watcher wants to see.
enum class watch_scope : uint8_t {
  everything,
  prefix, ///< keys of the kind of `key` whose text begins with it
  key,
};

constexpr bool is_valid(watch_scope x) noexcept {
  return x <= watch_scope::key;
}

/// Starts to watch: every change that is answered after the reply is seen.
/// Only changes made through this store actor are: those of other processes on
/// a shared engine are not. -> watch_reply
/// Errors: `overloaded` if there are too many watchers, `invalid_argument`.
struct watch_request {
  using reply_type = struct watch_reply;

  watch_scope scope = watch_scope::everything;
  value key;
  bool with_before = false;
  bool with_after = false;
  /// Where to go on: the revision last seen of the key (scope `key`), or the
  /// stamp of the last event seen, whose events may come again. If what
  /// happened since is no longer known, the first reply says `resync`.
  std::optional<revision> since_revision;
  std::optional<int64_t> since_stamp;
  /// Events kept for the watcher while it does not fetch; more are dropped.
  uint64_t buffer = 1000;

  static constexpr auto fields(auto& x) {
    return std::tie(x.scope, x.key, x.with_before, x.with_after,
                    x.since_revision, x.since_stamp, x.buffer);
  }
};

struct watch_reply {
  uint64_t watch = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.watch);
  }
};

/// Fetches events, oldest first; answered when there are some, or after `wait`
/// with none. One at a time per watch. A watch that is not fetched from for
/// `store_config::watch_timeout` is forgotten. -> fetch_events_reply
/// Errors: `not_found` for a watch that is unknown, closed or forgotten.
struct fetch_events_request {
  using reply_type = struct fetch_events_reply;

  uint64_t watch = 0;
  uint64_t limit = 1000;
  std::chrono::milliseconds wait{10'000};

  static constexpr auto fields(auto& x) {
    return std::tie(x.watch, x.limit, x.wait);
  }
};

struct fetch_events_reply {
  /// Events were missed before `events`: read again what you depend on.
  bool resync = false;
  /// How many, if known.
  uint64_t missed = 0;
  std::vector<change_event> events;

  static constexpr auto fields(auto& x) {
    return std::tie(x.resync, x.missed, x.events);
  }
};

/// Ends a watch. -> unwatch_reply
struct unwatch_request {
  using reply_type = struct unwatch_reply;

  uint64_t watch = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.watch);
  }
};

struct unwatch_reply {
  bool existed = false;

  static constexpr auto fields(auto& x) {
    return std::tie(x.existed);
  }
};

} // namespace larder
