// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Everything a store actor says and hears, on one page.
///
/// All messages are plain structs. A request goes to a store actor (store.hpp),
/// to one of its key actors by way of a client (client.hpp), or to a connection
/// to a store in another process (remote.hpp): the answer is the same. It is
/// the reply struct named behind the arrow, or a `caf::error` that
/// `to_error` (errors.hpp) turns into an `error`. An answer to a change is
/// sent when the change is durable, as far as the engine and its options
/// promise. Values and bytes are shared, never copied, within one process.

#pragma once

#include "larder/bytes.hpp"
#include "larder/detail/wire.hpp"
#include "larder/error.hpp"
#include "larder/metadata.hpp"
#include "larder/path.hpp"
#include "larder/value.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder {

// -- parts of messages --------------------------------------------------------

/// Bytes that messages share.
using shared_bytes = std::shared_ptr<const bytes>;

/// What must hold for a change to be made; otherwise `precondition_failed`.
struct write_condition {
  /// The key must not exist.
  bool must_be_absent = false;
  /// The key must exist with this revision.
  std::optional<revision> must_match;

  static constexpr auto fields(auto& x) {
    return std::tie(x.must_be_absent, x.must_match);
  }
};

/// How long a key lives after a change. Nothing: for ever after a put of a
/// whole value, as before after a change by path or function. Zero: for ever.
/// Negative: `invalid_argument`.
using time_to_live = std::optional<std::chrono::milliseconds>;

// -- values -------------------------------------------------------------------

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

// -- binaries -----------------------------------------------------------------

/// Replaces the key by a binary that fits into one message (at most
/// `store_config::max_message_size`). -> put_reply
struct write_request {
  using reply_type = struct put_reply;

  value key;
  shared_bytes content;
  value extras;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.content, x.extras, x.ttl, x.condition);
  }
};

/// Reads a range of a binary. -> read_reply
/// Errors: `not_found`, `wrong_type` for values, `limit_exceeded` if the range
/// does not fit into one message, `out_of_range` for an offset past the end,
/// `conflict` if the key has another revision than `pinned`.
struct read_range_request {
  using reply_type = struct read_reply;

  value key;
  uint64_t offset = 0;
  /// Nothing: up to the end.
  std::optional<uint64_t> length;
  /// The revision that the answer must be of: keeps the ranges of one stream
  /// together.
  std::optional<revision> pinned;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.offset, x.length, x.pinned);
  }
};

struct read_reply {
  /// The bytes, fewer than asked for at the end.
  shared_bytes content;
  /// Size of the whole binary.
  uint64_t size = 0;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.content, x.size, x.rev);
  }
};

/// Starts to write a binary of any size piece by piece; nobody sees it before
/// it is closed. -> open_stream_reply
/// Errors: `overloaded` if too many streams are open, `unsupported`.
struct open_stream_request {
  using reply_type = struct open_stream_reply;

  value key;
  value extras;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.extras, x.ttl, x.condition);
  }
};

struct open_stream_reply {
  uint64_t stream = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream);
  }
};

/// Adds bytes. Pieces are numbered from 0 without gaps; keep a few under way
/// and wait for their answers before sending more. -> append_stream_reply
/// Errors: `not_found` for a stream that is closed, was idle for too long or
/// failed; any error ends the stream.
struct append_stream_request {
  using reply_type = struct append_stream_reply;

  uint64_t stream = 0;
  uint64_t sequence = 0;
  shared_bytes content;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream, x.sequence, x.content);
  }
};

struct append_stream_reply {
  /// Bytes received so far.
  uint64_t size = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.size);
  }
};

/// Makes what was written the key's content. -> put_reply
struct close_stream_request {
  using reply_type = struct put_reply;

  uint64_t stream = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream);
  }
};

/// Throws away what was written. -> erase_reply
struct abort_stream_request {
  using reply_type = struct erase_reply;

  uint64_t stream = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream);
  }
};

// -- the store as a whole -----------------------------------------------------

/// Lists keys page by page. -> list_keys_reply
/// Errors: `invalid_argument` for a prefix that is no string, keyword or
/// symbol, a limit of 0, or a cursor that no page gave out.
struct list_keys_request {
  using reply_type = struct list_keys_reply;

  /// Only keys of the prefix's kind whose text begins with it. Nil: all.
  value prefix;
  /// Where to go on: `list_keys_reply::next`. Empty: the start.
  std::string after;
  uint64_t limit = 1000;
  bool with_metadata = false;

  static constexpr auto fields(auto& x) {
    return std::tie(x.prefix, x.after, x.limit, x.with_metadata);
  }
};

/// One key of a listing.
struct key_entry {
  value key;
  /// If asked for.
  std::optional<metadata> meta;
  /// Why the metadata cannot be read; empty: no error. A listing never hides a
  /// damaged key.
  std::string damage;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.meta, x.damage);
  }
};

struct list_keys_reply {
  std::vector<key_entry> entries;
  /// The cursor of the next page; empty: this was the last.
  std::string next;

  static constexpr auto fields(auto& x) {
    return std::tie(x.entries, x.next);
  }
};

/// Reads and checks everything that is stored for a key. -> verify_reply
/// Errors: `not_found`, and whatever is wrong with the blob.
struct verify_request {
  using reply_type = struct verify_reply;

  value key;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key);
  }
};

struct verify_reply {
  /// Size of the blob as stored.
  uint64_t stored_size = 0;
  content_type type = content_type::edn;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stored_size, x.type);
  }
};

/// Asks what the store is: a map with `:name`, `:id`, `:engine` (its
/// capabilities), `:chain`, `:actors`, `:functions`, `:limits`. -> info_reply
struct info_request {
  using reply_type = struct info_reply;

  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

struct info_reply {
  value info;

  static constexpr auto fields(auto& x) {
    return std::tie(x.info);
  }
};

/// Asks what the store has done since it was opened; docs/operations.md lists
/// the entries. -> statistics_reply
struct statistics_request {
  using reply_type = struct statistics_reply;

  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

struct statistics_reply {
  value statistics;

  static constexpr auto fields(auto& x) {
    return std::tie(x.statistics);
  }
};

/// Finishes what is under way, refuses everything else as `closed`, releases
/// the engine, ends the store's actors. -> close_reply
/// Refused with `unsupported` when it comes from another process.
struct close_request {
  using reply_type = struct close_reply;

  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

struct close_reply {
  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

} // namespace larder
