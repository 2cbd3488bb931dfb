// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What key actors and backend actors say to each other: batches, so that one
/// hop serves many keys. None of it leaves the process.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/backend.hpp"
#include "larder/internal/entry.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/internal/watch_backlog.hpp"
#include "larder/internal/watch_table.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace larder {

class client;

} // namespace larder

namespace larder::internal {

struct actor_statistics;

/// Carries out mutations in one commit. -> commit_batch_reply
struct commit_batch {
  std::shared_ptr<std::vector<mutation>> items;
};

/// One outcome per mutation, in order.
struct commit_batch_reply {
  std::shared_ptr<std::vector<commit_outcome>> items;
};

/// Reads blobs. -> load_batch_reply
struct load_batch {
  std::shared_ptr<std::vector<read_request>> items;
};

/// One outcome per request, in order.
struct load_batch_reply {
  std::shared_ptr<std::vector<read_outcome>> items;
};

/// Removes segments of a log. No answer.
struct collect_garbage {
  log_garbage what;
  /// If the log was being restored: the revision of the record, by which to see
  /// whether it still is.
  std::optional<revision> lease = std::nullopt;
};

/// Looks for expired keys in one page of the listing. -> scan_expired_reply
struct scan_expired {
  std::string after;
};

struct scan_expired_reply {
  std::vector<value> keys;
  /// What logs have left behind, because a process ended.
  std::vector<collect_garbage> garbage;
  std::string next;
};

/// Erases keys if they have expired. -> collect_expired_reply, when all that
/// this takes is done.
struct collect_expired {
  using reply_type = struct collect_expired_reply;

  std::shared_ptr<const std::vector<value>> keys;
};

struct collect_expired_reply {};

/// Runs a function that may block in a reader, with what that counts.
/// -> reader_job_done
struct reader_job {
  std::function<void(actor_statistics&)> run;
};

struct reader_job_done {};

/// A stream that is complete: makes it the key's content. -> put_reply
struct commit_stream {
  using reply_type = put_reply;

  value key;
  std::shared_ptr<staged_blob> content;
  /// Makes header and metadata for a stamp.
  std::function<expected<bytes>(int64_t last_write)> make_prefix;
  /// Revision, expiry and extras as the stream was opened with.
  metadata meta;
  /// The extras that the key had when the stream was opened.
  value extras_before;
  write_condition condition;
  /// Whether `meta` is that of a backup: to be kept as it is.
  bool restores = false;
};

/// A log that has been restored but for its head: makes it the key's content.
/// -> put_reply
struct commit_log {
  using reply_type = put_reply;

  value key;
  /// As it was, but for the revision.
  metadata meta;
  log_head head;
  write_condition condition;
  /// Whether the revision is that of a copy: to be kept if it can be.
  bool copied = false;
  /// The record of the segments, and the revision that it must have: if there
  /// are segments.
  std::optional<std::pair<log_garbage, revision>> lease;
};

/// Tells the store that a stream is over. No answer.
struct stream_ended {
  uint64_t id = 0;
};

/// Asks for the oldest open publication. -> find_publications_reply
struct find_publications {
  using reply_type = struct find_publications_reply;

  /// Whether those that have run out are removed, not only passed over.
  bool remove_expired = false;
};

struct find_publications_reply {
  /// Its stamp, ms since 1970; nothing if none is open.
  std::optional<int64_t> oldest;
};

/// Tells the store that a sweep is over. No answer.
struct sweep_ended {
  uint64_t id = 0;
};

/// Tells the store that a snapshot is over. No answer.
struct snapshot_ended {
  uint64_t id = 0;
};

/// Writes a key again as it is, so that it is encrypted with the primary key,
/// if it still has a revision. -> rekey_key_reply
struct rekey_key {
  using reply_type = struct rekey_key_reply;

  value key;
  revision rev;
  /// A binary, encoded anew: its blob or stream, and its revision.
  std::shared_ptr<const bytes> blob;
  std::shared_ptr<const staged_content> stream;
  revision new_rev;
};

struct rekey_key_reply {
  bool changed = false;
};

/// Tells the store that a page of rekeying is over. No answer.
struct rekey_ended {};

/// Asks a key actor to report changes of the keys of a scope.
/// -> scope_added, after all earlier changes have been reported
struct add_scope {
  uint64_t id = 0;
  watched what;
};

struct scope_added {};

/// Asks it not to any more. No answer.
struct remove_scope {
  uint64_t id = 0;
};

/// Tells the hub of watches what has changed; null: only that something was
/// missed (watch_backlog.hpp). No answer.
struct watched_changes {
  event_list items;
  /// What `watch_backlog` was told.
  size_t bytes = 0;
};

/// All key actors, in their order. No answer.
struct meet_peers {
  std::vector<caf::actor> key_actors;
};

class transaction;
using transaction_ptr = std::shared_ptr<transaction>;

/// Asks a key actor to hold its keys too. No answer.
struct join_transaction {
  transaction_ptr what;
};

/// Tells who holds keys that the transaction is over. No answer.
struct settle_transaction {
  transaction_ptr what;
};

/// Wakes a key actor up to see which keys are held for too long.
struct check_holds_now {};

class snapshot;
using snapshot_ptr = std::shared_ptr<snapshot>;

/// Asks a key actor to look at its keys. -> snapshot_seen, as a message of its
/// own
struct look_at_snapshot {
  snapshot_ptr what;
  caf::actor asked_by;
};

struct snapshot_seen {
  snapshot_ptr what;
};

/// Tells an actor that everything before this message has been sent.
struct flush {};

/// Wakes an actor up to see what is due.
struct tick {};

/// Refuse what comes from now on; answered when nothing is under way any more.
/// -> drain_reply
struct drain {};

struct drain_reply {};

/// Runs a function in the actor that gets this.
struct post {
  std::function<void()> run;
};

/// Runs a function with the client of the actor that gets this.
struct use_client {
  std::function<void(client&)> run;
};

/// Answered after the delay has passed. -> delay_reply
struct delay_request {
  std::chrono::milliseconds delay{0};
};

struct delay_reply {};

/// What the timer reminds itself of.
struct delay_over {
  uint64_t id = 0;
};

} // namespace larder::internal

CAF_BEGIN_TYPE_ID_BLOCK(larder_internal, caf::first_custom_type_id + 1200)

  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::commit_batch))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::commit_batch_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::load_batch))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::load_batch_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::scan_expired))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::scan_expired_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::collect_expired))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::collect_garbage))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::reader_job))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::reader_job_done))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::commit_stream))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::stream_ended))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::add_scope))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::scope_added))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::remove_scope))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::watched_changes))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::flush))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::tick))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::drain))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::drain_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::post))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::use_client))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::delay_request))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::delay_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::delay_over))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::find_publications))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::find_publications_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::sweep_ended))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::collect_expired_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::meet_peers))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::join_transaction))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::settle_transaction))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::check_holds_now))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::look_at_snapshot))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::snapshot_seen))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::commit_log))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::rekey_key))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::rekey_key_reply))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::rekey_ended))
  CAF_ADD_TYPE_ID(larder_internal, (larder::internal::snapshot_ended))

CAF_END_TYPE_ID_BLOCK(larder_internal)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::commit_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::commit_batch_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::load_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::load_batch_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::scan_expired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::scan_expired_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::collect_expired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::collect_garbage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::reader_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::reader_job_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::commit_stream)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::stream_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::add_scope)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::scope_added)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::remove_scope)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::watched_changes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::flush)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::drain)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::drain_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::post)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::use_client)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::delay_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::delay_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::delay_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::find_publications)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::find_publications_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::sweep_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::collect_expired_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::meet_peers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::join_transaction)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::settle_transaction)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::check_holds_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::look_at_snapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::snapshot_seen)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::commit_log)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::rekey_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::rekey_key_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::rekey_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::internal::snapshot_ended)
