// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What making backups and restoring them have in common.

#pragma once

#include "larder/error.hpp"

#include <chrono>
#include <cstdint>

namespace larder::detail {

/// Whether an error of one key is that of all keys: to go on is no use.
constexpr bool concerns_all_keys(errc code) noexcept {
  return code == errc::unavailable || code == errc::closed
         || code == errc::timeout || code == errc::overloaded
         || code == errc::unknown_encryption_key;
}

/// Milliseconds since 1970.
inline int64_t wall_clock() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch())
    .count();
}

} // namespace larder::detail
