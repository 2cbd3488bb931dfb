// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages for backups: blobs as they are stored, and keys put back as they
/// were. backup.hpp makes whole backups of them.

#pragma once

#include "larder/messages/values.hpp"
#include "larder/uuid.hpp"

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

/// An append log as of one moment: what its head says.
struct stored_log {
  uuid id;
  /// The position of the first entry.
  uint64_t begin = 0;
  /// The numbers of the first segment and of the one after the last.
  uint64_t first = 0;
  uint64_t next = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.id, x.begin, x.first, x.next);
  }
};

/// A segment of an append log.
struct stored_segment {
  stored_log log;
  uint64_t number = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.log, x.number);
  }
};

/// Reads bytes of a blob as it is stored: durable, neither checked nor (but for
/// what is said of logs) decoded. It does not wait for changes of the key that
/// are under way. -> read_stored_reply
/// Errors: `not_found`, `conflict` if the key has another revision than
/// `pinned`, or the segment is not any more what it was, `corruption` if it is
/// missing, `limit_exceeded` if the bytes do not fit into one message,
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
  /// Read this segment of the log that the key holds, not the key's own blob.
  std::optional<stored_segment> segment = std::nullopt;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.offset, x.length, x.pinned, x.segment);
  }
};

struct read_stored_reply {
  shared_bytes content;
  /// Size of the whole blob.
  uint64_t size = 0;
  revision rev;
  /// If `content` is the whole head of a log, and the store has the key that it
  /// may be encrypted with.
  std::optional<stored_log> log = std::nullopt;

  static constexpr auto fields(auto& x) {
    return std::tie(x.content, x.size, x.rev, x.log);
  }
};

// -- one moment ---------------------------------------------------------------

/// Keeps the store as it is now, all that was acknowledged before included,
/// for requests that read it at leisure. -> open_snapshot_reply
/// What it costs is the engine's room: what is changed meanwhile cannot be
/// reused before close_snapshot_request. One that is not used for
/// `snapshot_timeout` is given up.
/// Errors: `unsupported` by engines that cannot, `overloaded` if there are
/// `max_snapshots`.
struct open_snapshot_request {
  using reply_type = struct open_snapshot_reply;

  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

struct open_snapshot_reply {
  /// To be named in the requests that follow.
  uint64_t snapshot = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.snapshot);
  }
};

/// Lists what was stored at the moment of a snapshot. -> list_stored_reply
/// Errors: as list_stored_request; `conflict` if there is no such snapshot
/// (any more): closed, given up by the engine, or not used for too long.
struct list_snapshot_request {
  using reply_type = struct list_stored_reply;

  uint64_t snapshot = 0;
  list_stored_request what;

  static constexpr auto fields(auto& x) {
    return std::tie(x.snapshot, x.what);
  }
};

/// Reads bytes of a blob as it was at the moment of a snapshot.
/// -> read_stored_reply
/// Errors: as read_stored_request; `conflict` as list_snapshot_request.
struct read_snapshot_request {
  using reply_type = struct read_stored_reply;

  uint64_t snapshot = 0;
  read_stored_request what;

  static constexpr auto fields(auto& x) {
    return std::tie(x.snapshot, x.what);
  }
};

/// Ends a snapshot. -> close_snapshot_reply
/// Errors: `not_found` if there is no such snapshot (any more).
struct close_snapshot_request {
  using reply_type = struct close_snapshot_reply;

  uint64_t snapshot = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.snapshot);
  }
};

struct close_snapshot_reply {
  static constexpr auto fields(auto&) {
    return std::tie();
  }
};

// -- putting back -------------------------------------------------------------

/// Makes a key what it once was, metadata included: type, extras, expiry and
/// `last_write` (which never becomes less than it is now). It replaces whatever
/// the key holds, also a log. -> put_reply
///
/// The revision is a new one if `meta` has none. If it has one, that of the
/// store where the content was read, it is kept (that of a log as
/// `copied_log_revision`), so that a copy is known to be one; but not if the
/// key was written later than `meta.last_write`.
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
/// It goes on as after open_stream_request, with the same errors, and replaces
/// whatever the key holds.
struct open_restore_request {
  using reply_type = struct open_stream_reply;

  value key;
  metadata meta;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.meta, x.condition);
  }
};

/// Begins to put back an append log of any length, in place of whatever the key
/// holds. -> open_stream_reply
/// It goes on with restore_entries_request, and ends with close_stream_request
/// or abort_stream_request: nobody sees anything of it before it is closed.
/// What a process that ends in between leaves behind is collected later on.
/// Errors: as open_stream_request; `unsupported` by engines that cannot hold
/// logs.
struct open_restore_log_request {
  using reply_type = struct open_stream_reply;

  value key;
  metadata meta;
  /// The position of the first entry.
  uint64_t begin = 0;
  /// How many messages of entries become segments; one more is the tail.
  uint64_t segments = 0;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.meta, x.begin, x.segments, x.condition);
  }
};

/// Adds entries: those of one segment or, after all segments, of the tail.
/// Messages are numbered from 0 without gaps; keep a few under way and wait for
/// all answers before closing. -> append_stream_reply, with the number of
/// entries so far
/// Errors: as append_stream_request; `invalid_argument` without entries.
struct restore_entries_request {
  using reply_type = struct append_stream_reply;

  uint64_t stream = 0;
  uint64_t sequence = 0;
  std::vector<value> entries;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream, x.sequence, x.entries);
  }
};

// -- taking over --------------------------------------------------------------

/// Puts the blob that another store holds under the same key, a value or a
/// binary, without decoding it: as restore_request with its metadata and
/// revision. -> put_reply
/// Errors: as restore_request; `unsupported` unless the blob is encoded as this
/// store encodes, and not encrypted; `conflict` if the key was written later
/// than the blob: put it back by restore_request; `corruption`.
struct put_stored_request {
  using reply_type = struct put_reply;

  value key;
  shared_bytes blob;
  /// The identity of the other store.
  uuid from;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.blob, x.from, x.condition);
  }
};

/// Begins to put a binary of any size in this way. -> open_stream_reply
/// It goes on as after open_stream_request, with the chunks as they are stored.
/// Errors: as open_stream_request and put_stored_request.
struct open_stored_request {
  using reply_type = struct open_stream_reply;

  value key;
  /// What the blob begins with, header and metadata, and what follows its
  /// chunks, if it has any.
  shared_bytes prefix;
  shared_bytes index;
  uuid from;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.prefix, x.index, x.from, x.condition);
  }
};

} // namespace larder
