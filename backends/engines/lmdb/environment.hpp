// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "gate.hpp"
#include "lock.hpp"

#include "larder/backend.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <lmdb.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace larder::detail {

class lmdb_environment;

/// A snapshot for reading, for as long as the object lives: keep it short, as
/// writers cannot reuse what it sees. One thread at a time.
class lmdb_reader {
public:
  lmdb_reader(lmdb_environment& env, MDB_txn* txn) : env_(&env), txn_(txn) {
    // nop
  }

  lmdb_reader(lmdb_reader&& other) noexcept
    : env_(std::exchange(other.env_, nullptr)), txn_(other.txn_) {
    // nop
  }

  ~lmdb_reader();

  MDB_txn* txn() const noexcept {
    return txn_;
  }

private:
  friend class lmdb_environment;

  lmdb_environment* env_;
  MDB_txn* txn_;
};

/// A read transaction that lasts, outside of the gate: the environment ends it
/// when it is in the way. Destroyed before the environment.
class lmdb_moment {
public:
  explicit lmdb_moment(lmdb_environment& env) : env_(env) {
    // nop
  }

  ~lmdb_moment();

  lmdb_moment(const lmdb_moment&) = delete;
  lmdb_moment& operator=(const lmdb_moment&) = delete;

  /// Calls `f` with the transaction, with null if it has been ended.
  template <class F>
  auto use(F f) {
    std::lock_guard guard{mutex_};
    return f(txn_);
  }

private:
  friend class lmdb_environment;

  /// @returns false if it was ended before
  bool end();

  lmdb_environment& env_;
  std::mutex mutex_;
  MDB_txn* txn_ = nullptr;
};

/// How to write.
struct lmdb_write_options {
  bool sync = true;
  /// Greatest size of the data file, 0: none.
  uint64_t max_size = 0;
  /// How much more it may be: what makes room takes some pages itself.
  uint64_t reserve = 0;
  /// How many bytes are about to be written, more or less.
  uint64_t size_hint = 0;
};

/// The open data file of a store: everything about LMDB but what is in it.
/// There is one per file and process, shared by all who open the store here,
/// because LMDB forbids a second one. Thread-safe.
class lmdb_environment {
public:
  static constexpr std::string_view file = "larder.mdb";
  static constexpr std::string_view lock_file = "larder.mdb-lock";

  /// Size of a new data file, and of its map.
  static constexpr size_t initial_size = size_t{1} << 20;

  /// Slots for readers of all processes together.
  static constexpr unsigned max_readers = 1024;

  /// Opens the store in `dir`, or returns what is open already. Nothing but
  /// lock files is written.
  static expected<std::shared_ptr<lmdb_environment>>
  open(const std::string& dir, std::shared_ptr<file_ops> ops);

  /// Opens the store for its end, when nobody else has it open: it can only be
  /// read, and takes no room on the medium.
  /// @param lock held exclusively
  static expected<std::unique_ptr<lmdb_environment>>
  open_alone(const std::string& dir, file_ops& ops, lmdb_lock lock);

  /// Makes sure that LMDB's lock file in `dir` has all of its blocks: LMDB maps
  /// it with holes, and who writes to a hole when the medium is full is killed.
  /// What others have in it stays as it is. Nothing may be open in this
  /// process.
  static expected<void> allocate_lock_file(const std::string& dir);

  /// Writes the data file of an empty store with the identity `id` to `path`
  /// and syncs it.
  static expected<void> make(const std::string& path, const uuid& id,
                             file_ops& ops);

  ~lmdb_environment();

  lmdb_environment(const lmdb_environment&) = delete;
  lmdb_environment& operator=(const lmdb_environment&) = delete;

  const uuid& id() const noexcept {
    return id_;
  }

  /// The one database in the file.
  static constexpr MDB_dbi dbi = 1;

  /// Returns the error for a call that failed, with the path of the file.
  error failure(std::string_view verb, int rc) const;

  expected<lmdb_reader> begin_read();

  /// Begins a transaction that lasts until its owner ends it, or until the map
  /// is replaced or a write finds no room without what it holds on to.
  expected<std::unique_ptr<lmdb_moment>>
  begin_moment(const lmdb_write_options& options);

  /// Calls `f` in a write transaction and commits that if `f` returns 0. `f`
  /// is called again, in another transaction, when the map had to grow.
  /// @returns the error that `f` returned, or that of the commit. Nothing has
  ///          changed then, except if it has the data-loss mark: old or new is
  ///          there, and nothing is written any more until the store is
  ///          reopened.
  using write_fn = std::function<int(MDB_txn*)>;
  expected<void> write(const lmdb_write_options& options, const write_fn& f);

  /// The number that tells others that this process lives (see lmdb_lock). Only
  /// in a write transaction.
  /// @returns 0 if it could not be had
  uint64_t owner();

  std::vector<engine_figure> figures();

  /// Staged blobs under way.
  std::atomic<uint64_t> stages = 0;

private:
  friend class lmdb_reader;
  friend class lmdb_moment;

  lmdb_environment(std::string path, lmdb_lock lock, bool alone);

  expected<void> open_env();
  expected<void> open_checked();
  expected<void> check_size();
  expected<void> check_identity();

  void end_read(MDB_txn* txn);
  void widen(const lmdb_write_options& options);
  bool end_moments();
  expected<void> check_writable() const;
  expected<void> prepare();
  expected<void> try_write(const lmdb_write_options& options,
                           const write_fn& f);
  int begin_write(MDB_txn*& txn);
  error commit_failure(int rc);
  void reopen_env();
  bool free_dead_readers();
  bool free_last_pages(lmdb_write_options options);
  expected<void> grow(const lmdb_write_options& options);
  expected<void> extend_file(uint64_t size);
  int set_map_size(size_t size);
  int follow_map_size();
  void sweep();

  std::string path_;
  lmdb_lock lock_;
  pid_t pid_;
  bool alone_;
  uuid id_;
  MDB_env* env_ = nullptr;
  lmdb_gate gate_;
  std::mutex moments_mutex_; ///< taken before those of the moments
  std::vector<lmdb_moment*> moments_;
  /// Held while writing and while the map or the environment is replaced.
  std::mutex writing_;
  std::optional<std::string> refusal_;
  uint64_t owner_ = 0;
  /// The last transaction that was made by `free_last_pages`.
  uint64_t freeing_ = 0;
  bool prepared_ = false;
};

} // namespace larder::detail
