// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace larder::internal {

/// A page must not outgrow a message, however many keys are asked for.
constexpr size_t page_limit(uint64_t wanted) noexcept {
  return static_cast<size_t>(std::min<uint64_t>(wanted, 10'000));
}

} // namespace larder::internal
