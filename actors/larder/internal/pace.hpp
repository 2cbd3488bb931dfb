// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace larder::internal {

/// How many keys upkeep erases at a time: as many as take about 50 ms, so that
/// writers, whose commits come behind, wait no longer. That may be thousands
/// where a commit has one sync, and a few where each key has its own.
class pace {
public:
  using duration = std::chrono::steady_clock::duration;

  size_t size() const noexcept {
    return size_;
  }

  /// Learns from how long `n` keys took, at most as many as `size` said.
  void took(size_t n, duration time) noexcept {
    auto at_least_one = std::max(time, duration{1});
    auto fitting = static_cast<size_t>(goal * n / at_least_one);
    if (time > goal)
      size_ = std::max(fitting, least);
    else if (n == size_)
      size_ = std::clamp(fitting, size_, std::min(2 * size_, most));
  }

  static constexpr size_t least = 4;
  static constexpr size_t most = 1000;

private:
  static constexpr duration goal = std::chrono::milliseconds{50};

  size_t size_ = 16;
};

} // namespace larder::internal
