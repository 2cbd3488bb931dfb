// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages on one key that holds an append log: entries at positions that
/// count from 0 and are never used twice.

#pragma once

#include "larder/messages/values.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace larder {

/// Adds entries to the end of a log, all or nothing; makes the log if the key
/// does not exist. -> append_reply
/// Errors: `precondition_failed`, `wrong_type` if the key holds something
/// else, `unsupported`, `limit_exceeded`, `invalid_argument` without entries.
/// A log is removed with erase_request.
struct append_request {
  using reply_type = struct append_reply;

  value key;
  std::vector<value> entries;
  /// Metadata to add to the log.
  value extras;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.entries, x.extras, x.ttl, x.condition);
  }
};

struct append_reply {
  /// The position of the first entry; the others follow it without gaps.
  uint64_t first = 0;
  uint64_t count = 0;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.first, x.count, x.rev);
  }
};

/// Reads entries in ascending order. -> read_log_reply
/// Errors: `not_found`, `wrong_type` if the key holds something else.
struct read_log_request {
  using reply_type = struct read_log_reply;

  value key;
  /// The position to begin at; one before the first is the first.
  uint64_t from = 0;
  /// Greatest number of entries; fewer may come, see `read_log_reply::next`.
  uint64_t limit = 1000;
  /// Begin so that only the newest `limit` entries are read; `from` is not
  /// used.
  bool newest = false;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.from, x.limit, x.newest);
  }
};

struct read_log_reply {
  std::vector<value> entries;
  /// The position of the first of `entries`.
  uint64_t from = 0;
  /// Where to go on.
  uint64_t next = 0;
  /// The log's first position, and the one that the next append gets.
  uint64_t begin = 0;
  uint64_t end = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.entries, x.from, x.next, x.begin, x.end);
  }
};

/// Folds a log by a named function (functions.hpp), which gets the result so
/// far as old value and the entry as argument, before `arguments`.
/// -> reduce_log_reply
/// Errors: as read_log_request, `unknown_function`, `function_failed`, and
/// those of the function.
struct reduce_log_request {
  using reply_type = struct reduce_log_reply;

  value key;
  std::string function;
  std::vector<value> arguments;
  /// The old value of the first call; nothing: no value.
  std::optional<value> initial;
  uint64_t from = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.function, x.arguments, x.initial, x.from);
  }
};

struct reduce_log_reply {
  /// Nil if there were neither entries nor `initial`.
  value result;
  /// Where to go on when the log has grown.
  uint64_t next = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.result, x.next);
  }
};

/// Removes the entries before a position. -> truncate_log_reply
/// Errors: as append_request; `not_found`; `out_of_range` past the end.
struct truncate_log_request {
  using reply_type = struct truncate_log_reply;

  value key;
  /// The first position that stays.
  uint64_t position = 0;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.position, x.condition);
  }
};

struct truncate_log_reply {
  uint64_t removed = 0;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.removed, x.rev);
  }
};

} // namespace larder
