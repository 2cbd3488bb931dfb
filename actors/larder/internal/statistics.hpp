// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Counters of a store. Each key actor and backend actor writes its own; anyone
/// may read them at any time. A new figure is a member of `actor_statistics`
/// and a row of the table in metric_table.cpp; everything that shows figures
/// goes by that table.

#pragma once

#include "larder/backend.hpp"
#include "larder/path.hpp"
#include "larder/value.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace larder::internal {

/// The operations that are counted apart.
enum class op_kind : uint8_t {
  get,
  exists,
  metadata,
  put,
  update,
  erase,
  write,
  read,
  list,
  verify,
  multi_get,
  multi_put,
  multi_erase,
  transact,
  append,
  read_log,
  reduce_log,
  truncate_log,
};

constexpr size_t op_kinds = 18;

std::string_view to_string(op_kind x) noexcept;

/// A number that one actor writes and others read.
class counter {
public:
  void add(uint64_t n = 1) noexcept {
    // A single writer needs no atomic read-modify-write.
    count_.store(count_.load(std::memory_order_relaxed) + n,
                 std::memory_order_relaxed);
  }

  /// As `add`, for the statistics that several actors write to.
  void add_shared(uint64_t n = 1) noexcept {
    count_.fetch_add(n, std::memory_order_relaxed);
  }

  uint64_t get() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }

private:
  std::atomic<uint64_t> count_{0};
};

/// A number that goes up and down.
class gauge {
public:
  void set(uint64_t x) noexcept {
    now_.store(x, std::memory_order_relaxed);
  }

  uint64_t get() const noexcept {
    return now_.load(std::memory_order_relaxed);
  }

private:
  std::atomic<uint64_t> now_{0};
};

/// Numbers of events by size, and the sum of the sizes: bucket i counts what is
/// below 2^i and not below half of that; the last one also what is larger.
class histogram {
public:
  static constexpr size_t buckets = 32;

  void add(uint64_t x) noexcept;

  /// As `add`, for the statistics that several actors write to.
  void add_shared(uint64_t x) noexcept;

  uint64_t bucket(size_t i) const noexcept {
    return buckets_[i].get();
  }

  uint64_t sum() const noexcept {
    return sum_.get();
  }

private:
  std::array<counter, buckets> buckets_;
  counter sum_;
};

/// What one actor counts.
struct alignas(128) actor_statistics {
  struct operation {
    counter count;
    counter errors;
    histogram microseconds;

    void add(bool failed, uint64_t duration) noexcept {
      count.add();
      if (failed)
        errors.add();
      microseconds.add(duration);
    }

    /// As `add`, for the statistics that several actors write to.
    void add_shared(bool failed, uint64_t duration) noexcept {
      count.add_shared();
      if (failed)
        errors.add_shared();
      microseconds.add_shared(duration);
    }
  };

  std::array<operation, op_kinds> operations;
  gauge in_flight;
  gauge pending_bytes;
  counter overloaded;
  counter slow;
  counter cache_hits;
  counter cache_misses;
  counter cache_evictions;
  gauge cache_bytes;
  counter queued;   ///< mutations sent to the writer
  counter unqueued; ///< of these, those that it has committed or failed to
  counter commits;  ///< batches given to the engine
  counter mutations;
  counter commit_failures; ///< mutations that failed, not by a precondition
  counter conflicts;
  counter combined; ///< mutations that shared a commit with another on the key
  counter hold_waits;       ///< transactions that had to wait for keys
  counter holds_revoked;    ///< transactions that held keys for too long
  counter snapshot_retries; ///< looks at keys that changed meanwhile
  histogram batch_sizes;
  histogram commit_microseconds;
  counter plain_written; ///< bytes, before compression and encryption
  counter stored_written;
  counter plain_read;
  counter stored_read;
  gauge streams;
  gauge snapshots;
  counter expired;
  counter collection_rounds;   ///< scans for expired keys that were completed
  counter collection_failures; ///< scans that were broken off
  counter sweeps;              ///< begun
  counter swept;               ///< keys deleted by sweeps
  counter marked;              ///< keys that sweeps found to be reachable
  counter rekey_examined;      ///< blobs, hidden ones included
  counter rekeyed;             ///< of these, written again
  counter verified;
  counter damaged;
  counter refused; ///< changes, by validators
  gauge watchers;
  counter watch_events; ///< changes of watched keys
  counter watch_resyncs;
  counter watch_dropped; ///< events that a watcher has missed
};

/// Returns the keywords that lead to a figure in the statistics of a store.
/// @param where names between slashes, `*` for `label`
path statistics_path(std::string_view where, std::string_view label);

/// Adds up what all actors have counted, as a map for people and programs;
/// metrics.hpp reads it.
/// @param figures the engine's own, see `backend::figures`
value summarize(std::span<const actor_statistics> all,
                std::span<const engine_figure> figures);

/// Measures the time from its construction.
class stopwatch {
public:
  stopwatch() : start_(std::chrono::steady_clock::now()) {
    // nop
  }

  uint64_t microseconds() const {
    auto diff = std::chrono::steady_clock::now() - start_;
    return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(diff).count());
  }

private:
  std::chrono::steady_clock::time_point start_;
};

} // namespace larder::internal
