// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What keeps the events on their way from key actors to the hub bounded, and
/// the lists that they travel in.

#pragma once

#include "larder/messages/watches.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace larder::internal {

/// Events on their way to the hub; null: none.
using event_list = std::shared_ptr<std::vector<change_event>>;

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

  /// Returns a list without events, of which `give_back` may have kept some:
  /// lists are large, and one actor would allocate what another one frees.
  event_list fresh_list() {
    {
      std::lock_guard guard{mutex_};
      if (!idle_.empty()) {
        auto result = std::move(idle_.back());
        idle_.pop_back();
        return result;
      }
    }
    return std::make_shared<std::vector<change_event>>();
  }

  /// Takes a list back, not null, that nobody else has. A few are kept, about
  /// 1 MB at most.
  void give_back(event_list xs) {
    constexpr size_t max_idle = 8;
    constexpr size_t max_events = 1024;
    xs->clear();
    std::lock_guard guard{mutex_};
    if (idle_.size() < max_idle && xs->capacity() <= max_events)
      idle_.push_back(std::move(xs));
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
  std::mutex mutex_;
  std::vector<event_list> idle_;
};

} // namespace larder::internal
