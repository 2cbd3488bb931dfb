// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages on one key that holds a value.

#pragma once

#include "larder/messages/common.hpp"
#include "larder/metadata.hpp"

#include <functional>
#include <string>
#include <vector>

namespace larder {

/// Reads a value, or what lies at `steps` inside it. -> get_reply
/// Errors: `not_found` (unless there is a fallback), `wrong_type` for binaries.
struct get_request {
  using reply_type = struct get_reply;

  value key;
  path steps;
  /// The answer if the key does not exist or the path leads nowhere.
  std::optional<value> fallback;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.steps, x.fallback);
  }
};

struct get_reply {
  value content;
  /// The key's revision; none if `content` is the fallback of a missing key.
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.content, x.rev);
  }
};

/// Asks whether a key, or what `steps` name inside it, exists. -> exists_reply
struct exists_request {
  using reply_type = struct exists_reply;

  value key;
  path steps;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.steps);
  }
};

struct exists_reply {
  bool exists = false;

  static constexpr auto fields(auto& x) {
    return std::tie(x.exists);
  }
};

/// Reads the metadata of a key, not its value. -> metadata_reply
/// Errors: `not_found`.
struct metadata_request {
  using reply_type = struct metadata_reply;

  value key;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key);
  }
};

struct metadata_reply {
  metadata meta;

  static constexpr auto fields(auto& x) {
    return std::tie(x.meta);
  }
};

/// Replaces a value, or what lies at `steps` inside it (missing maps are made).
/// A binary is replaced as a whole only. -> put_reply
/// Errors: `precondition_failed`, `invalid_path`, `invalid_argument`,
/// `wrong_type` (by path into a binary), `limit_exceeded`.
struct put_request {
  using reply_type = struct put_reply;

  value key;
  path steps;
  value content;
  /// Metadata to add; what is there and not named here stays. Nil: none.
  value extras;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.steps, x.content, x.extras, x.ttl, x.condition);
  }
};

struct put_reply {
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.rev);
  }
};

/// Replaces a value, or what lies at `steps`, by a named function of it
/// (functions.hpp). -> update_reply
/// Errors: as put_request, `unknown_function`, `function_failed`, and those
/// of the function.
struct update_request {
  using reply_type = struct update_reply;

  value key;
  path steps;
  std::string function;
  std::vector<value> arguments;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.steps, x.function, x.arguments, x.ttl,
                    x.condition);
  }
};

struct update_reply {
  /// What was at the path; nil if nothing was.
  value before;
  /// What is at the path now.
  value after;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.before, x.after, x.rev);
  }
};

/// As update_request, with a function of this process: it cannot be sent to
/// another one, which answers `unsupported`. -> update_reply
/// The function runs in a key actor: it must be short, without side effects
/// (it runs again after a conflict with another process) and thread-safe.
struct local_update_request {
  using reply_type = struct update_reply;

  value key;
  path steps;
  /// Gets the old value (null: nothing is there), returns the new one.
  std::function<expected<value>(const value*)> function;
  time_to_live ttl;
  write_condition condition;
};

/// Removes a key, or what `steps` name inside its value. -> erase_reply
/// Errors: `precondition_failed`, `wrong_type` (by path into a binary).
struct erase_request {
  using reply_type = struct erase_reply;

  value key;
  path steps;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.steps, x.condition);
  }
};

struct erase_reply {
  /// Whether there was something to remove.
  bool existed = false;

  static constexpr auto fields(auto& x) {
    return std::tie(x.existed);
  }
};

} // namespace larder
