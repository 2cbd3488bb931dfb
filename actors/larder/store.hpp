// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Spawning stores.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/backend.hpp"
#include "larder/chain.hpp"
#include "larder/functions.hpp"
#include "larder/logging.hpp"
#include "larder/registry.hpp"
#include "larder/validator.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace larder {

/// How a store is opened when it does not exist, or does.
enum class open_mode : uint8_t {
  open,           ///< must exist, else `not_found`
  create,         ///< must not exist, else `already_exists`
  open_or_create, ///< whichever is needed
};

/// What an application may add to: engines, codecs and functions of its own.
struct plugins {
  std::shared_ptr<const backend_registry> engines;
  std::shared_ptr<const codec_registry> codecs;

  /// Knows what larder was built with.
  static plugins defaults();
};

/// Everything about a store. The defaults are good for most.
struct store_config {
  /// The engine, opened; the store has it for itself from now on.
  std::shared_ptr<backend> engine;

  /// How blobs are made and read.
  chain_config chain;

  /// The functions that updates may name.
  function_registry functions;

  /// Number of key actors; 0: two per core. Work on different keys runs in
  /// parallel in as many actors.
  size_t key_actors = 0;

  /// Number of actors that read from the engine at the same time.
  size_t readers = 4;

  /// Bound on the decoded values kept in memory, in bytes, over all key actors.
  size_t cache_size = size_t{64} << 20;

  /// Bounds on what may be under way per key actor, in operations and bytes;
  /// over it the answer is `overloaded`.
  size_t max_pending_operations = 65'536;
  size_t max_pending_bytes = size_t{256} << 20;

  /// Greatest binary (or range of one) in one message, in bytes.
  size_t max_message_size = size_t{16} << 20;

  /// How many keys a transaction or an atomic batch may be about.
  size_t max_transaction_keys = 10'000;

  /// After how long a transaction that holds keys, and has not begun to commit,
  /// is given up, so that others get at them. Zero: never.
  std::chrono::milliseconds hold_timeout = std::chrono::seconds{5};

  /// How many streams may be written at the same time, and after how long
  /// without a piece one is given up.
  size_t max_streams = 64;
  std::chrono::milliseconds stream_timeout = std::chrono::minutes{1};

  /// How many snapshots backups may have open at the same time, and after how
  /// long without a request one is given up.
  size_t max_snapshots = 8;
  std::chrono::milliseconds snapshot_timeout = std::chrono::minutes{5};

  /// Rules that changes must keep, asked one after the other.
  std::vector<validator> validators;

  /// How many watches there may be at the same time, and after how long without
  /// a fetch one is given up. For as long it is remembered what happened after
  /// the last watch of a key, prefix or everything has ended, so that its
  /// watcher can go on.
  size_t max_watches = 4096;
  std::chrono::milliseconds watch_timeout = std::chrono::minutes{1};

  /// Bound on the events kept per watch in bytes (those with larger values
  /// never reach a watcher), and bounds on what is remembered for watchers that
  /// come back, in bytes and events.
  size_t watch_buffer_bytes = size_t{4} << 20;
  size_t watch_history_bytes = size_t{16} << 20;
  size_t watch_history = 10'000;

  /// How often expired keys are looked for, to free their space. They are
  /// absent for every operation at once anyway. Zero: never.
  std::chrono::milliseconds collection_interval = std::chrono::minutes{1};

  /// How many sweeps may be under way at the same time, how many bytes the keys
  /// that each of them keeps may take up, and after how long without a request
  /// one is given up.
  size_t max_sweeps = 8;
  size_t max_keep_bytes = size_t{256} << 20;
  std::chrono::milliseconds sweep_timeout = std::chrono::minutes{5};

  /// How far the clocks of machines that write to the same engine may be apart:
  /// sweeps spare what was written that much earlier. Without meaning for
  /// engines that only one machine can write to.
  std::chrono::milliseconds clock_allowance = std::chrono::seconds{10};

  /// Where events worth an operator's attention go; null: nowhere.
  std::shared_ptr<log_sink> log;

  /// Whether keys, and messages that may name them, are logged as they are. By
  /// default a key is logged as a hash that is good for as long as the store is
  /// open.
  bool log_keys = false;

  /// Operations on keys that take as long as this, or longer, are logged and
  /// counted. Zero: none.
  std::chrono::microseconds slow_operation{0};

  /// The wall clock in ms since 1970; tests pass their own.
  std::function<int64_t()> clock;

  /// Runs even the actors that block in the scheduler's threads: for tests that
  /// step actors one message at a time.
  bool deterministic = false;
};

/// Opens engine and keyring as the URI says and fills in a configuration:
/// `file:DIR?serializer=cbor&compressor=lz4&encryptor=xaes-gcm&keyring=FILE`,
/// plus the engine's own options. Options: serializer (default cbor),
/// compressor (none), encryptor (none), keyring (file), passphrase-env (name of
/// the environment variable with the keyring's passphrase), require-encryption
/// (no; yes refuses to read blobs that are not encrypted). Stores that are
/// shared with konserve (`capabilities::plain_blobs`) take only serializer
/// (default fressian) and compressor here: encryption is the engine's.
/// @returns `invalid_argument` for unknown options or codecs, `not_found`,
///          `already_exists`, and the engine's errors
expected<store_config> open_store(std::string_view uri,
                                  open_mode mode = open_mode::open_or_create,
                                  const plugins& with = plugins::defaults());

/// Returns whether there is a store at `uri`, without opening it.
expected<bool> store_exists(std::string_view uri,
                            const plugins& with = plugins::defaults());

/// Removes the store at `uri` and everything in it.
/// @returns `not_found`, `locked`
expected<void> destroy_store(std::string_view uri,
                             const plugins& with = plugins::defaults());

/// Spawns the actors of a store and returns the one to talk to (messages.hpp).
/// The store ends when it gets `close_request` (which answers once everything
/// is finished and the engine is released) or an exit message (which answers
/// what is under way with `closed`, or `unavailable` for changes that are being
/// committed).
caf::actor spawn_store(caf::actor_system& sys, store_config config);

/// Opens (or creates) and spawns in one call.
expected<caf::actor> spawn_store(caf::actor_system& sys, std::string_view uri);

} // namespace larder
