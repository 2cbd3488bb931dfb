// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Counters that tell whether keys have changed.

#pragma once

#include "larder/internal/routing.hpp"
#include "larder/value.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace larder::internal {

/// Several keys share a counter. It goes up when a change of one of them may
/// have become durable, before anybody can see it: if it has not moved since a
/// key was looked at, then the key is still the same. Safe from any thread.
class change_counters {
public:
  using counter = std::atomic<uint64_t>;

  /// @param key_actors how many there are: each has counters of its own
  explicit change_counters(size_t key_actors) : blocks_(key_actors) {
    // nop
  }

  /// @param hash of the key
  counter& of(size_t hash) noexcept {
    // The remainders of the hash are what keys of one owner share.
    auto n = blocks_.size();
    return blocks_[route(hash, n)].counters[hash / n % block_size];
  }

  void add(const value& key) noexcept {
    of(key.hash()).fetch_add(1);
  }

private:
  static constexpr size_t block_size = 256;

  struct alignas(128) block {
    std::array<counter, block_size> counters{};
  };

  std::vector<block> blocks_;
};

} // namespace larder::internal
