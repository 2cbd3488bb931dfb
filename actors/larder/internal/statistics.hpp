// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Counters of a store. Each key actor and backend actor writes its own; anyone
/// may read them at any time.

#pragma once

#include "larder/value.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
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
};

constexpr size_t op_kinds = 10;

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

/// Numbers of events by size: bucket i counts what is below 2^i and not below
/// half of that.
class histogram {
public:
  static constexpr size_t buckets = 32;

  void add(uint64_t x) noexcept;

  uint64_t bucket(size_t i) const noexcept {
    return buckets_[i].get();
  }

private:
  std::array<counter, buckets> buckets_;
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
  };

  std::array<operation, op_kinds> operations;
  counter cache_hits;
  counter cache_misses;
  counter cache_evictions;
  std::atomic<uint64_t> cache_bytes{0};
  counter overloaded;
  counter conflicts;
  counter combined; ///< mutations that shared a commit with another on the key
  counter expired;
  counter collection_rounds; ///< scans for expired keys that were completed
  counter sweeps;            ///< begun
  counter swept;             ///< keys deleted by sweeps
  counter marked;            ///< keys that sweeps found to be reachable
  counter commits;           ///< batches given to the engine
  counter mutations;
  histogram batch_sizes;
  histogram commit_microseconds;
  counter bytes_encoded; ///< size of blobs written
  counter bytes_decoded; ///< size of blobs read
};

/// Adds up what all actors have counted, as a map for people and programs.
value summarize(const actor_statistics* first, size_t n);

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
