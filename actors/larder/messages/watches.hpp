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
  /// binaries and logs, and where nothing was or is. `before` is also missing
  /// if it was damaged, or the change was under way when the watch began.
  std::optional<value> before;
  std::optional<value> after;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.kind, x.rev, x.stamp, x.combined, x.batch,
                    x.before, x.after);
  }
};

/// A place between events: those before it have been seen. Only good for the
/// run of the store that gave it out; any other answers it with a `resync`.
struct watch_position {
  uint64_t run = 0;
  uint64_t sequence = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.run, x.sequence);
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
/// a shared engine are not. The watch ends by unwatch_request, when nobody has
/// fetched from it for `store_config::watch_timeout`, and with the actor that
/// asked for it (the connection, if that is in another process). -> watch_reply
/// Errors: `overloaded` if there are too many watchers, `invalid_argument` for
/// a prefix that is no string, keyword or symbol, a buffer of 0, a
/// `since_revision` without scope `key`, or several of `since_*`.
struct watch_request {
  using reply_type = struct watch_reply;

  watch_scope scope = watch_scope::everything;
  value key;
  bool with_before = false;
  bool with_after = false;
  /// Where to go on, one of three; nothing: now. The revision last seen of the
  /// key (scope `key`; all zeros: it did not exist), the stamp of the last
  /// event seen, whose events may come again, or the last position. If what
  /// happened since is no longer known, the first reply says `resync`.
  std::optional<revision> since_revision;
  std::optional<int64_t> since_stamp;
  std::optional<watch_position> since_position;
  /// Events kept for the watcher until it has received them. More are dropped,
  /// the oldest first, as are more than `store_config::watch_buffer_bytes`. A
  /// batch that does not fit is dropped as a whole.
  uint64_t buffer = 10'000;

  static constexpr auto fields(auto& x) {
    return std::tie(x.scope, x.key, x.with_before, x.with_after,
                    x.since_revision, x.since_stamp, x.since_position,
                    x.buffer);
  }
};

struct watch_reply {
  uint64_t watch = 0;
  /// Where the watch begins.
  watch_position position;

  static constexpr auto fields(auto& x) {
    return std::tie(x.watch, x.position);
  }
};

/// Fetches events, oldest first; answered when there are some, or after `wait`
/// (at most `store_config::watch_timeout`) with none. One at a time per watch:
/// another one makes the first fail as `conflict`. -> fetch_events_reply
/// Errors: `not_found` for a watch that is unknown, ended or forgotten,
/// `invalid_argument` for a limit of 0 or a negative `wait`.
struct fetch_events_request {
  using reply_type = struct fetch_events_reply;

  uint64_t watch = 0;
  /// Greatest number of events, unless a batch has more.
  uint64_t limit = 1000;
  std::chrono::milliseconds wait{10'000};
  /// The position of the last reply that has arrived: what was sent after it
  /// and got lost comes again. Nothing: all replies have arrived.
  std::optional<watch_position> received;

  static constexpr auto fields(auto& x) {
    return std::tie(x.watch, x.limit, x.wait, x.received);
  }
};

struct fetch_events_reply {
  /// Events were missed before `events`: read again what you depend on.
  bool resync = false;
  /// How many, as far as known.
  uint64_t missed = 0;
  std::vector<change_event> events;
  /// Behind `events`.
  watch_position position;

  static constexpr auto fields(auto& x) {
    return std::tie(x.resync, x.missed, x.events, x.position);
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
