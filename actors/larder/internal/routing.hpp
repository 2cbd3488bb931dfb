// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which key actor owns a key.

#pragma once

#include "larder/value.hpp"

namespace larder::internal {

/// Returns the index of the owner of `key` among `n` key actors.
inline size_t route(const value& key, size_t n) noexcept {
  return key.hash() % n;
}

} // namespace larder::internal
