// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"

#include <algorithm>
#include <limits>

namespace larder::detail {

/// Receives the output of a decompressor of which nobody knows the size.
///
/// The memory grows geometrically with what was produced, so a few bytes that
/// claim to be gigabytes cost next to nothing. One byte more than the limit may
/// be produced, which tells output that is too large from output that fits.
class growing_buffer {
public:
  /// @param input_size a first allocation of some multiple is honest
  /// @param declared_size what the input says, believed if it is small enough
  growing_buffer(size_t input_size, uint64_t declared_size, size_t max_size)
    : max_size_(max_size) {
    constexpr size_t always = 64 * 1024;
    constexpr size_t usual_ratio = 16;
    auto plausible = std::max(always, input_size > max_size / usual_ratio
                                        ? max_size
                                        : input_size * usual_ratio);
    data_.resize(std::min<uint64_t>({declared_size, plausible, top()}));
  }

  /// Makes room if all of it is used up.
  void make_room() {
    if (used_ == data_.size())
      data_.resize(std::min(top(), std::max<size_t>(used_ * 2, 4096)));
  }

  std::byte* free_data() noexcept {
    return data_.data() + used_;
  }

  size_t free_size() const noexcept {
    return data_.size() - used_;
  }

  void produced(size_t n) noexcept {
    used_ += n;
  }

  bool over_limit() const noexcept {
    return used_ > max_size_;
  }

  bytes take() && {
    data_.resize(used_);
    return std::move(data_);
  }

private:
  size_t top() const noexcept {
    return max_size_ < std::numeric_limits<size_t>::max() ? max_size_ + 1
                                                          : max_size_;
  }

  bytes data_;
  size_t used_ = 0;
  size_t max_size_;
};

} // namespace larder::detail
