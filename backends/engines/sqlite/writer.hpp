// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "connection.hpp"
#include "stage_lock.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

namespace larder::detail::sqlite {

/// The connection that writes. For one thread at a time, the holder of
/// `mutex()`; the counters are for all.
class writer {
public:
  /// @param conn open, and has read something
  /// @param log_was_empty whether there was nothing in the log when it was
  ///        opened
  writer(const config& cfg, connection conn, bool log_was_empty);

  std::mutex& mutex() noexcept {
    return mutex_;
  }

  connection& conn() noexcept {
    return conn_;
  }

  // -- transactions -----------------------------------------------------------

  /// Begins to write. The first time it also clears up after writers that were
  /// interrupted.
  /// @param durable whether the commit shall sync
  /// @returns `locked` if others write for too long, `io_error` for good after
  ///          a failed sync; nothing has changed then
  expected<void> begin(bool durable);

  /// Makes it so. Failures that leave in doubt what will be found after
  /// reopening have the data-loss mark; then nothing more is written.
  expected<void> commit();

  /// Ends the transaction, if there still is one, without changes.
  void rollback() noexcept;

  /// Notes a failure inside a transaction and returns it.
  error failed(const query& x, error problem);

  /// Copies the log into the database if the last transaction found the disk
  /// full: what does not make the database larger finds its place in a log that
  /// is used again from its start.
  /// @returns whether to try that transaction again
  bool make_room();

  /// Does what can wait until others were answered: deletes chunks that nobody
  /// needs, copies the log into the database when it has grown.
  void tidy();

  // -- chunks -----------------------------------------------------------------

  /// Returns where a new series of chunks begins. In a transaction.
  expected<int64_t> reserve_chunks();

  /// Adds chunks from `first` on. In a transaction.
  expected<void> put_chunks(int64_t first, bytes_view data);

  /// Notes that nobody needs a series any more. In a transaction; the chunks
  /// are deleted later, by `tidy`.
  expected<void> loosen_chunks(int64_t first);

  /// Makes an unfinished series known as this writer's. In a transaction.
  expected<void> own_chunks(int64_t first);

  /// Gives an unfinished series of this writer to a blob. In a transaction.
  expected<void> adopt_chunks(int64_t first);

  /// Deletes an unfinished series of this writer, now or later. Not in a
  /// transaction.
  void discard_chunks(int64_t first);

  // -- state ------------------------------------------------------------------

  /// Whether closing must leave the log as it is: after a failed sync, lest it
  /// be synced again; or when nothing was written, as reading changes nothing.
  bool keeps_log() const noexcept {
    return broken_ || (!settled_ && !log_was_empty_);
  }

  uint64_t commits() const noexcept {
    return commits_.load(std::memory_order_relaxed);
  }

  uint64_t checkpoints() const noexcept {
    return checkpoints_.load(std::memory_order_relaxed);
  }

private:
  expected<void> settle();
  expected<void> sync_log_name();
  expected<void> find_orphans();
  expected<void> disown(int64_t first, int64_t owner);
  expected<void> delete_some();
  expected<bool> delete_slice();
  bool checkpoint();
  error break_down(error problem);

  static int on_commit(void* self, sqlite3*, const char*, int pages) noexcept;

  std::mutex mutex_;
  const config& config_;
  bool log_was_empty_;
  bool settled_ = false;
  bool durable_ = true; // as the connection is set now
  bool found_full_ = false;
  std::optional<error> broken_;
  int log_pages_ = 0;
  int checkpoint_at_;
  stage_lock stages_;
  bool has_garbage_ = false;       // there may be chunks without owner
  std::vector<int64_t> discarded_; // own series to disown
  std::atomic<uint64_t> commits_ = 0;
  std::atomic<uint64_t> checkpoints_ = 0;
  connection conn_;
};

} // namespace larder::detail::sqlite
