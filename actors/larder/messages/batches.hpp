// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages on several keys at once.

#pragma once

#include "larder/messages/values.hpp"

#include <cstdint>
#include <variant>
#include <vector>

namespace larder {

/// How a batch is carried out.
enum class atomicity : uint8_t {
  /// All or nothing, after a crash and for every reader through the store.
  /// `unsupported` if the engine cannot.
  atomic,
  /// Key by key in the order given ("values first, the pointer last"): one is
  /// begun when those before it are durable. Ends at the first failure; the
  /// keys behind it are answered `conflict`, untouched.
  best_effort,
};

constexpr bool is_valid(atomicity x) noexcept {
  return x <= atomicity::best_effort;
}

// -- batches ------------------------------------------------------------------

/// Reads several values as of one point in time. -> multi_get_reply
/// Errors: `wrong_type` if one of them is a binary or a log; `limit_exceeded`
/// for more than `store_config::max_transaction_keys` keys.
struct multi_get_request {
  using reply_type = struct multi_get_reply;

  std::vector<value> keys;

  static constexpr auto fields(auto& x) {
    return std::tie(x.keys);
  }
};

struct found_value {
  value key;
  value content;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.content, x.rev);
  }
};

struct multi_get_reply {
  /// In the order asked for, without the keys that do not exist.
  std::vector<found_value> found;

  static constexpr auto fields(auto& x) {
    return std::tie(x.found);
  }
};

/// Replaces several values. A key that occurs twice gets the later value.
/// -> multi_put_reply
/// Errors (atomic): as put_request for the first key that fails, which the
/// message names; as transact_request for all together.
struct multi_put_request {
  using reply_type = struct multi_put_reply;

  struct entry {
    value key;
    value content;
    /// Metadata to add to this key, as in put_request.
    value extras;

    static constexpr auto fields(auto& x) {
      return std::tie(x.key, x.content, x.extras);
    }
  };

  std::vector<entry> entries;
  /// Metadata to add to all keys; `invalid_argument` beside an entry's own.
  value extras;
  time_to_live ttl;
  atomicity mode = atomicity::atomic;

  static constexpr auto fields(auto& x) {
    return std::tie(x.entries, x.extras, x.ttl, x.mode);
  }
};

/// What became of one key of a batch.
struct key_outcome {
  value key;
  /// The key's new revision; none if it was erased or nothing was changed. A
  /// key that occurs twice keeps the last of its revisions.
  revision rev;
  /// Whether an erased key existed.
  bool existed = false;
  /// Why nothing was changed (best effort only).
  std::optional<error> failure;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.rev, x.existed, x.failure);
  }
};

struct multi_put_reply {
  /// One per entry, in order.
  std::vector<key_outcome> outcomes;

  static constexpr auto fields(auto& x) {
    return std::tie(x.outcomes);
  }
};

/// Removes several keys of any kind. -> multi_erase_reply
/// Errors (atomic): as transact_request.
struct multi_erase_request {
  using reply_type = struct multi_erase_reply;

  std::vector<value> keys;
  atomicity mode = atomicity::atomic;

  static constexpr auto fields(auto& x) {
    return std::tie(x.keys, x.mode);
  }
};

struct multi_erase_reply {
  /// One per key, in order.
  std::vector<key_outcome> outcomes;

  static constexpr auto fields(auto& x) {
    return std::tie(x.outcomes);
  }
};

// -- transactions -------------------------------------------------------------

/// What a transaction asks of one key. Conditions are looked at in order, up to
/// the first that does not hold. A path into a binary or a log, or its value,
/// is an error: `wrong_type`.
struct transact_condition {
  enum class kind : uint8_t {
    present,  ///< the key, or what `steps` name inside it, exists
    absent,   ///< it does not
    revision, ///< the key has the revision `rev`
    equals,   ///< there is a value at `steps`, and it equals `content`
  };

  kind type = kind::present;
  value key;
  path steps;
  revision rev;
  value content;

  static constexpr auto fields(auto& x) {
    return std::tie(x.type, x.key, x.steps, x.rev, x.content);
  }
};

constexpr bool is_valid(transact_condition::kind x) noexcept {
  return x <= transact_condition::kind::equals;
}

/// What a transaction does; each sees the effect of those before it.
using transact_operation
  = std::variant<get_request, put_request, update_request, erase_request>;

using transact_result
  = std::variant<get_reply, put_reply, update_reply, erase_reply>;

/// Carries out `then_operations` if all conditions hold (or there are none),
/// else `else_operations`: all or nothing, as of one point in time.
/// -> transact_reply
/// Errors: that of the first condition or operation that fails, naming its
/// position; nothing is changed then. `unsupported` if several keys are changed
/// and the engine cannot commit them as one; `limit_exceeded` for more than
/// `store_config::max_transaction_keys` keys; `timeout` if keys were held for
/// longer than `store_config::hold_timeout` (nothing was changed); `conflict`
/// if other processes won every attempt; `io_error` and `unavailable` as for
/// single changes: all of it or nothing has happened.
struct transact_request {
  using reply_type = struct transact_reply;

  std::vector<transact_condition> conditions;
  std::vector<transact_operation> then_operations;
  std::vector<transact_operation> else_operations;

  static constexpr auto fields(auto& x) {
    return std::tie(x.conditions, x.then_operations, x.else_operations);
  }
};

struct transact_reply {
  /// Whether the conditions held.
  bool succeeded = false;
  /// One per operation of the branch that ran, in order.
  std::vector<transact_result> results;

  static constexpr auto fields(auto& x) {
    return std::tie(x.succeeded, x.results);
  }
};

} // namespace larder
