// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Numbers of sweeps, streams, watches and publications.

#pragma once

#include "larder/uuid.hpp"

#include <cstdint>
#include <span>

namespace larder::internal {

/// Makes a number that is not to be guessed, so that only who was told it uses
/// what it stands for. It fits into a signed integer and is not 0.
inline uint64_t random_id() {
  uint64_t result = 0;
  while (result == 0) {
    fill_random(std::as_writable_bytes(std::span{&result, 1}));
    result >>= 1;
  }
  return result;
}

} // namespace larder::internal
