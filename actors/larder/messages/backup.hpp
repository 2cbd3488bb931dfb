// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages for backups: blobs as they are stored, and keys put back as they
/// were. backup.hpp makes whole backups of them.

#pragma once

#include "larder/messages/values.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace larder {

// -- reading what is stored ---------------------------------------------------

/// Lists what is stored, a page at a time, expired keys included. Nothing is
/// decoded. -> list_stored_reply
/// Errors: `invalid_argument` for a wrong cursor or a limit of 0.
struct list_stored_request {
  using reply_type = struct list_stored_reply;

  /// `list_stored_reply::next` of the page before; empty: the first page.
  std::string after;
  uint64_t limit = 1000;

  static constexpr auto fields(auto& x) {
    return std::tie(x.after, x.limit);
  }
};

/// A key with a blob.
struct stored_entry {
  value key;
  revision rev;
  /// Size of the blob.
  uint64_t size = 0;
  /// Why the blob cannot be read, if so.
  std::optional<error> damage;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.rev, x.size, x.damage);
  }
};

struct list_stored_reply {
  std::vector<stored_entry> entries;
  /// Where to go on; empty: there is nothing more.
  std::string next;

  static constexpr auto fields(auto& x) {
    return std::tie(x.entries, x.next);
  }
};

/// Reads bytes of a blob as it is stored: durable, neither checked nor decoded.
/// It does not wait for changes of the key that are under way.
/// -> read_stored_reply
/// Errors: `not_found`, `conflict` if the key has another revision than
/// `pinned`, `limit_exceeded` if the bytes do not fit into one message,
/// `invalid_argument` without `pinned` unless the bytes begin with the whole
/// header.
struct read_stored_request {
  using reply_type = struct read_stored_reply;

  value key;
  uint64_t offset = 0;
  /// Fewer come at the end of the blob.
  uint64_t length = 0;
  /// The revision that the answer must be of: keeps the pieces of one blob
  /// together.
  std::optional<revision> pinned;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.offset, x.length, x.pinned);
  }
};

struct read_stored_reply {
  shared_bytes content;
  /// Size of the whole blob.
  uint64_t size = 0;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.content, x.size, x.rev);
  }
};

// -- putting back -------------------------------------------------------------

/// Makes a key what it once was, metadata included: type, extras, expiry and
/// `last_write` (which never becomes less than it is now); the revision is a
/// new one. -> put_reply
/// Errors: as put_request and write_request; `invalid_argument` if type and
/// content do not go together.
struct restore_request {
  using reply_type = struct put_reply;

  value key;
  /// A value, or the bytes of a binary.
  std::variant<value, shared_bytes> content;
  metadata meta;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.content, x.meta, x.condition);
  }
};

/// Begins to put back a binary of any size. -> open_stream_reply
/// It goes on as after open_stream_request, with the same errors.
struct open_restore_request {
  using reply_type = struct open_stream_reply;

  value key;
  metadata meta;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.meta, x.condition);
  }
};

} // namespace larder
