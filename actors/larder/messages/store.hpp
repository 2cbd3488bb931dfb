// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages on the store as a whole.

#pragma once

#include "larder/messages/common.hpp"
#include "larder/metadata.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace larder {

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
/// capabilities), `:chain`, `:actors`, `:functions`, `:validators`, `:limits`,
/// `:watching` (whether `:all-changes` are seen or only the process'
/// `:own-changes`). -> info_reply
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
