// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <lmdb.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace larder::detail {

/// Counts the readers of an environment, keeps their transactions for the next
/// ones, and keeps readers out while the map is replaced. Thread-safe.
class lmdb_gate {
public:
  /// Greatest number of readers at once; more wait. Each takes a slot of those
  /// that all processes share.
  static constexpr size_t max_active = 64;

  /// Waits until there is room for one more reader.
  /// @returns a transaction of before that must be renewed, null if there is
  ///          none
  MDB_txn* enter() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return !closed_ && active_ < max_active; });
    ++active_;
    if (idle_.empty())
      return nullptr;
    auto* result = idle_.back();
    idle_.pop_back();
    return result;
  }

  /// Ends what `enter` began.
  /// @param txn a transaction that was reset, or null
  void leave(MDB_txn* txn) {
    std::unique_lock guard{mutex_};
    --active_;
    if (txn != nullptr)
      idle_.push_back(txn); // has room, see the constructor
    auto awaited = closed_ || active_ + 1 == max_active;
    guard.unlock();
    if (awaited)
      changed_.notify_all();
  }

  lmdb_gate() {
    idle_.reserve(max_active);
  }

  /// Keeps readers out and waits until those inside have left. One thread at a
  /// time.
  void close() {
    std::unique_lock guard{mutex_};
    closed_ = true;
    changed_.wait(guard, [this] { return active_ == 0; });
  }

  /// Lets readers in again.
  void reopen() {
    {
      std::lock_guard guard{mutex_};
      closed_ = false;
    }
    changed_.notify_all();
  }

  /// Ends all transactions that are kept. Nobody may be inside.
  void drop_idle() {
    for (auto* txn : idle_)
      mdb_txn_abort(txn);
    idle_.clear();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<MDB_txn*> idle_;
  size_t active_ = 0;
  bool closed_ = false;
};

} // namespace larder::detail
