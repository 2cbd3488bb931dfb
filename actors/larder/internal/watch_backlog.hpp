// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What keeps the events on their way from key actors to the hub bounded.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder::internal {

/// Key actors never wait for the hub: what it cannot keep up with is counted
/// and dropped. Safe from any thread.
class watch_backlog {
public:
  explicit watch_backlog(size_t max_bytes) : max_bytes_(max_bytes) {
    // nop
  }

  /// Announces a message of a size; false if it must not be sent now.
  bool reserve(size_t bytes) noexcept {
    if (bytes_.load() > max_bytes_)
      return false;
    bytes_.fetch_add(bytes);
    return true;
  }

  /// Counts events that are not sent.
  /// @returns whether nothing is on its way: then the hub must be woken up
  bool miss(uint64_t events) noexcept {
    missed_.fetch_add(events);
    return bytes_.load() == 0;
  }

  /// Takes note, at the hub, of a message that has arrived.
  /// @returns how many events have been missed since the last call
  uint64_t arrived(size_t bytes) noexcept {
    bytes_.fetch_sub(bytes);
    return missed_.exchange(0);
  }

private:
  size_t max_bytes_;
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> missed_{0};
};

} // namespace larder::internal
