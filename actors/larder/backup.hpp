// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backups of stores in use, and what is made of them. docs/backup.md tells
/// what a backup promises.
///
/// All functions block, use the store through a client like everybody else (so
/// it may be one in another process), and keep a few megabytes in memory,
/// however large keys and stores are (but for 40 bytes per key where archives
/// build on each other).

#pragma once

#include "larder/archive.hpp"
#include "larder/archive_index.hpp"
#include "larder/blocking_client.hpp"
#include "larder/codec.hpp"
#include "larder/keyring.hpp"
#include "larder/messages/backup.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace larder {

/// Told of a key that was left out, and why.
using key_failure_fn = std::function<void(const value& key, const error& why)>;

// -- making backups -----------------------------------------------------------

/// Takes keys out of a page that are to be left out.
using choose_keys_fn
  = std::function<expected<void>(std::vector<stored_entry>&)>;

struct backup_options {
  /// The archive to build on: only what has changed since gets into the new
  /// one.
  const archive_index* since = nullptr;

  /// Whether all keys are of one moment, if the engine can keep it. Otherwise
  /// each key is of a moment of its own.
  bool one_moment = true;

  /// Called with each page of keys before they are read; null: all are.
  choose_keys_fn choose;

  /// Called often, with what is done so far.
  std::function<void(const archive_counts&)> progress;

  /// Called for keys whose blobs are damaged or cannot be read: the archive
  /// lacks them, and counts them as missing.
  key_failure_fn on_missing;
};

/// What a backup has made.
struct backup_result {
  archive_header head;
  archive_counts counts;
  bool one_moment = false; ///< else each key is of a moment of its own
};

/// Writes an archive of all keys, as they were when the backup began (or, if
/// the engine cannot keep that, each with a state that it had at some time
/// during the backup), while the store goes on to be used. No key material is
/// needed.
/// @returns `conflict` if the snapshot was lost: begin again;
///          `invalid_argument` if `since` is of another store; the errors of
///          `to`; those of a store that is not there any more. What was written
///          then is no archive.
expected<backup_result> backup(blocking_client& from,
                               const archive_writer::sink_fn& to,
                               const backup_options& options = {});

// -- checking -----------------------------------------------------------------

/// Opens an archive at its beginning.
using open_archive_fn = std::function<expected<archive_reader::source_fn>()>;

/// Reads archives, a full one and those that build on it in order (or just one
/// of whatever kind), and checks that all of it is as it was written and fits
/// together, without restoring anything.
/// @param check_blobs whether to check each blob's own checksums, too
/// @returns `corruption`, `invalid_argument` for archives that do not build on
///          each other, `unsupported`, the errors of the sources
expected<archive_index> check_archives(std::span<const open_archive_fn> from,
                                       bool check_blobs = true);

// -- restoring ----------------------------------------------------------------

struct restore_counts {
  uint64_t restored = 0;
  uint64_t raw = 0;      ///< of these, blobs taken over as they are: by copies
  uint64_t binaries = 0; ///< of these, binaries
  uint64_t logs = 0;     ///< of these, append logs
  uint64_t expired = 0;  ///< left out, as their time was over
  uint64_t failed = 0;   ///< left out, see `restore_options::on_failure`
  uint64_t missing = 0;  ///< that the backup has counted as missing
  uint64_t bytes = 0;    ///< of the blobs that were restored
};

struct restore_options {
  /// The keys of the store that the archive is of.
  std::shared_ptr<const keyring> keys;

  /// Refuse blobs that are not encrypted: whoever can write to an archive can
  /// put such a blob into it, but none that the keys open.
  bool require_encryption = false;

  /// Null: the built-in codecs.
  std::shared_ptr<const codec_registry> codecs;

  struct limits limits;

  /// Restore into a store that is not empty: keys that the archive has are
  /// replaced, all others stay.
  bool merge = false;

  std::function<void(const restore_counts&)> progress;

  /// Called for keys that cannot be restored; all others are.
  key_failure_fn on_failure;
};

/// Restores the state of the last of these archives, a full one and those that
/// build on it in order. Every key gets its value or binary, type, extras,
/// expiry and time of the last write, and a new revision; each is restored as a
/// whole or not at all. What broke off can be done again with `merge`.
/// @param plan what `check_archives` said of the same archives: that they have
///             been checked before the store is touched
/// @returns `already_exists` if the store is not empty, unless `merge`;
///          `unknown_encryption_key` at the first key that is encrypted with a
///          key that is not in the ring; as `check_archives`; and the errors of
///          a store that is not there any more
expected<restore_counts> restore(blocking_client& to,
                                 std::span<const open_archive_fn> from,
                                 const archive_index& plan,
                                 const restore_options& options = {});

/// Restores one full archive that can be read only once. If it turns out to be
/// damaged or incomplete, the keys before the damage have been restored.
expected<restore_counts> restore(blocking_client& to,
                                 archive_reader::source_fn from,
                                 const restore_options& options = {});

// -- both ---------------------------------------------------------------------

struct copy_options : restore_options {
  /// Compare the copy with the original in the end.
  bool verify = true;

  /// See `backup_options`.
  bool one_moment = true;

  /// Called often while they are compared, with the number of keys so far.
  std::function<void(uint64_t)> verifying;
};

struct copy_counts : restore_counts {
  uint64_t skipped = 0;   ///< that were there already
  uint64_t verified = 0;  ///< found to be the same on both sides
  uint64_t changed = 0;   ///< that somebody has written since the copy began
  uint64_t different = 0; ///< that should be the same, and are not
};

/// Copies all keys from one store to another, as a backup that is restored at
/// once, but that keys keep their revisions, so that a copy is known to be one:
/// with `merge`, what is there already is skipped, so that a copy that broke
/// off goes on. docs/backup.md has the rules.
///
/// Blobs that are encoded as `to` encodes, and not encrypted, are taken over as
/// they are, all others are decoded and encoded again.
/// @param options `keys` are those of `from`; keys that cannot be read and
/// those
///                that are different in the end are failures like those that
///                cannot be written; called by two threads, one at a time
expected<copy_counts> copy_store(blocking_client& from, blocking_client& to,
                                 const copy_options& options = {});

} // namespace larder
