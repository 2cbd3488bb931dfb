// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a store in memory consists of.

#pragma once

#include "larder/backend.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <functional>
#include <map>
#include <mutex>

namespace larder::detail {

/// Counts the bytes of keys and blobs against a limit. Thread-safe.
class memory_quota {
public:
  void limit(uint64_t max) noexcept {
    max_ = max;
  }

  /// Takes `n` bytes unless that exceeds the limit.
  bool take(uint64_t n) noexcept {
    auto used = used_.load();
    do {
      if (auto max = max_.load(); n > max || used > max - n)
        return false;
    } while (!used_.compare_exchange_weak(used, used + n));
    return true;
  }

  void give_back(uint64_t n) noexcept {
    used_ -= n;
  }

  uint64_t used() const noexcept {
    return used_;
  }

private:
  std::atomic<uint64_t> max_ = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> used_ = 0;
};

/// The keys whose hash falls into one of the slices. The cache line is its own.
/// The lock is held for the time of a look-up; a lock for many readers would
/// cost more and let them starve the writers.
struct alignas(64) memory_shard {
  using map_type
    = std::map<std::string, std::shared_ptr<const bytes>, std::less<>>;

  std::mutex mutex;
  map_type blobs;
};

/// The content of a store.
struct memory_store {
  static constexpr size_t num_shards = 64;

  uuid id = uuid::random();
  /// Whether a backend object has the store open.
  std::atomic<bool> open = false;
  memory_quota quota;
  std::array<memory_shard, num_shards> shards;

  static size_t shard_index(std::string_view key) noexcept {
    return std::hash<std::string_view>{}(key) % num_shards;
  }
};

/// A set of shards.
class shard_set {
public:
  void add(size_t index) noexcept {
    bits_ |= uint64_t{1} << index;
  }

  static shard_set all() noexcept {
    shard_set result;
    result.bits_ = ~uint64_t{0};
    return result;
  }

  /// Calls `f` with each index, in ascending order.
  template <class F>
  void for_each(F f) const {
    for (auto bits = bits_; bits != 0; bits &= bits - 1)
      f(static_cast<size_t>(std::countr_zero(bits)));
  }

private:
  static_assert(memory_store::num_shards == 64);
  uint64_t bits_ = 0;
};

/// Holds the locks of a set of shards. All take them in the same order, so that
/// nobody waits in a circle.
class shard_guard {
public:
  shard_guard(memory_store& store, shard_set set) : store_(store), set_(set) {
    set_.for_each([this](size_t i) { store_.shards[i].mutex.lock(); });
  }

  ~shard_guard() {
    set_.for_each([this](size_t i) { store_.shards[i].mutex.unlock(); });
  }

  shard_guard(const shard_guard&) = delete;
  shard_guard& operator=(const shard_guard&) = delete;

private:
  memory_store& store_;
  shard_set set_;
};

} // namespace larder::detail
