// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages that remove what nothing refers to any more; docs/collection.md
/// says how they work together.

#pragma once

#include "larder/messages/common.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace larder {

// -- sweeps -------------------------------------------------------------------

/// Begins to remove keys that nobody wants to keep and that were last written
/// before the cutoff: a session, which is forgotten when it is idle for too
/// long. Compute what is to be kept after the answer. -> begin_sweep_reply
/// Errors: `unknown_function`, `overloaded` if too many sweeps are under way.
struct begin_sweep_request {
  using reply_type = struct begin_sweep_reply;

  /// Spares what was written at this time or later, ms since 1970. Nothing:
  /// the time of this request.
  std::optional<int64_t> before;
  /// A named function (functions.hpp) that says of a key's value, by true or
  /// false, whether to keep it; empty: none. Of a binary or an append log it
  /// gets `#larder/metadata` and the map of its metadata.
  std::string predicate;
  std::vector<value> arguments;
  /// Only tell what would be deleted.
  bool dry_run = false;
  /// Where to go on: `sweep_page_reply::next` of an earlier sweep. Empty: the
  /// start.
  std::string after;

  static constexpr auto fields(auto& x) {
    return std::tie(x.before, x.predicate, x.arguments, x.dry_run, x.after);
  }
};

struct begin_sweep_reply {
  /// Names the sweep in the other requests.
  uint64_t sweep = 0;
  /// What was written at this time or later is spared, ms since 1970. It may
  /// still go down, never up.
  int64_t cutoff = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.sweep, x.cutoff);
  }
};

/// Adds keys to those that stay; any number of times. No keys at all, once, say
/// that nothing is to be kept. -> keep_reply
/// Errors: `not_found` (no such sweep), `limit_exceeded` if the set takes up
/// more than `store_config::max_keep_bytes`.
struct keep_request {
  using reply_type = struct keep_reply;

  uint64_t sweep = 0;
  std::vector<value> keys;

  static constexpr auto fields(auto& x) {
    return std::tie(x.sweep, x.keys);
  }
};

struct keep_reply {
  /// Keys in the set by now.
  uint64_t size = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.size);
  }
};

/// Adds keys, and all that can be reached from them, to those that stay. Reads
/// at most `limit` keys: as long as some are pending, send it again, without
/// roots and otherwise the same. Binaries and append logs refer to nothing.
/// -> mark_reply
/// Errors: as keep_request, `unknown_function`, `invalid_argument`, those of
/// the function and of reading. After one of reading, of the function or of the
/// limit no page of this sweep is made: what is alive is not known.
struct mark_request {
  using reply_type = struct mark_reply;

  uint64_t sweep = 0;
  std::vector<value> roots;
  /// A named function from a value to a vector, list or set of the keys that it
  /// refers to, or nil.
  std::string function;
  std::vector<value> arguments;
  uint64_t limit = 1000;

  static constexpr auto fields(auto& x) {
    return std::tie(x.sweep, x.roots, x.function, x.arguments, x.limit);
  }
};

struct mark_reply {
  /// Keys read by this request.
  uint64_t visited = 0;
  /// Of those, keys that do not exist.
  uint64_t missing = 0;
  /// Keys that were not yet in the set of those that stay.
  uint64_t marked = 0;
  /// Keys that are still to be read.
  uint64_t pending = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.visited, x.missing, x.marked, x.pending);
  }
};

/// Examines the next keys and deletes those that are to go. A key stays if it
/// is kept or marked, if the predicate says so, or if it was written at the
/// cutoff or later, up to the moment when it would be erased.
/// -> sweep_page_reply
/// Errors: `not_found` (no such sweep), `invalid_argument` if there is neither
/// a set of keys nor a predicate, if keys are pending to be marked, or for a
/// limit of 0. After an error the same page can be asked for again.
struct sweep_page_request {
  using reply_type = struct sweep_page_reply;

  uint64_t sweep = 0;
  /// Greatest number of keys to examine; at most 10,000 are.
  uint64_t limit = 1000;

  static constexpr auto fields(auto& x) {
    return std::tie(x.sweep, x.limit);
  }
};

/// A key that could not be judged, or not be erased. It stays.
struct undecided_key {
  value key;
  std::optional<error> failure;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.failure);
  }
};

struct sweep_page_reply {
  /// The keys that were deleted, or would have been.
  std::vector<value> deleted;
  std::vector<undecided_key> undecided;
  uint64_t examined = 0;
  /// Keys that stay because they are in the set or the predicate says so.
  uint64_t kept = 0;
  /// Keys that stay because they were written too late, or have changed since
  /// they were listed.
  uint64_t young = 0;
  /// As of this page, see begin_sweep_reply.
  int64_t cutoff = 0;
  /// Where another sweep would go on. Empty: this was the last page.
  std::string next;

  static constexpr auto fields(auto& x) {
    return std::tie(x.deleted, x.undecided, x.examined, x.kept, x.young,
                    x.cutoff, x.next);
  }
};

/// Ends a sweep, when the page under way is done. -> end_sweep_reply
/// Errors: `not_found`.
struct end_sweep_request {
  using reply_type = struct end_sweep_reply;

  uint64_t sweep = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.sweep);
  }
};

struct end_sweep_reply {
  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

// -- publications -------------------------------------------------------------

/// Protects what is written from now on from sweeps, of any process, until the
/// publication ends: write values first, then the pointer that leads to them,
/// then end it. It ends by itself when the actor that sent this ends (one in
/// another process: when the lease has run out).
/// -> begin_publication_reply
/// Errors: `invalid_argument` for a lease below 1 ms or over a day,
/// `overloaded` if too many are open, `conflict`.
struct begin_publication_request {
  using reply_type = struct begin_publication_reply;

  /// For how long it is good unless it is renewed: should this process be
  /// killed, sweeps wait for that long.
  std::chrono::milliseconds lease = std::chrono::seconds{30};

  static constexpr auto fields(auto& x) {
    return std::tie(x.lease);
  }
};

struct begin_publication_reply {
  /// Names it in the other requests.
  uint64_t publication = 0;
  /// No cutoff of a sweep passes this time, ms since 1970.
  int64_t stamp = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.publication, x.stamp);
  }
};

/// Makes a publication good for another lease, from now on.
/// -> renew_publication_reply
/// Errors: as begin_publication_request; `not_found` if it has ended, or has
/// run out and a sweep went past it: then what was written may be gone.
struct renew_publication_request {
  using reply_type = struct renew_publication_reply;

  uint64_t publication = 0;
  std::chrono::milliseconds lease = std::chrono::seconds{30};

  static constexpr auto fields(auto& x) {
    return std::tie(x.publication, x.lease);
  }
};

struct renew_publication_reply {
  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

/// Ends a publication. -> end_publication_reply
/// Errors: `not_found` as in renew_publication_request: publish again.
struct end_publication_request {
  using reply_type = struct end_publication_reply;

  uint64_t publication = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.publication);
  }
};

struct end_publication_reply {
  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

} // namespace larder
