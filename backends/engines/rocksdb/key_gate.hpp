// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Order among commits that touch the same keys.

#pragma once

#include <bitset>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string_view>

namespace larder::detail {

/// Lets commits run at the same time unless they may have a key in common; then
/// they run in the order in which they came. Nobody waits for ever.
class key_gate {
public:
  /// A key stands for one bit, which it shares with others.
  static constexpr size_t num_bits = 4096;
  using key_set = std::bitset<num_bits>;

  static size_t bit_of(std::string_view key) noexcept {
    return std::hash<std::string_view>{}(key) % num_bits;
  }

  /// Inside the gate for as long as it lives.
  class pass {
  public:
    /// Waits until no commit that came before touches one of `keys`.
    pass(key_gate& gate, const key_set& keys) : gate_(gate) {
      std::unique_lock guard{gate_.mutex_};
      self_ = gate_.queue_.insert(gate_.queue_.end(), keys);
      gate_.left_.wait(guard, [this] { return is_free(); });
    }

    ~pass() {
      {
        std::lock_guard guard{gate_.mutex_};
        gate_.queue_.erase(self_);
      }
      gate_.left_.notify_all();
    }

    pass(const pass&) = delete;
    pass& operator=(const pass&) = delete;

  private:
    bool is_free() const noexcept {
      for (auto i = gate_.queue_.begin(); i != self_; ++i)
        if ((*i & *self_).any())
          return false;
      return true;
    }

    key_gate& gate_;
    std::list<key_set>::iterator self_;
  };

  /// Returns how many are inside or waiting.
  size_t size() {
    std::lock_guard guard{mutex_};
    return queue_.size();
  }

private:
  std::mutex mutex_;
  std::condition_variable left_;
  std::list<key_set> queue_; ///< all inside and waiting, in order of arrival
};

} // namespace larder::detail
