// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/error.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace larder::detail {

/// Calls `f`, which answers an `expected`, again while it answers `overloaded`,
/// after pauses that grow, together for half a minute at most.
/// @param pause waits for as many milliseconds
template <class F, class Pause>
auto patiently(F f, Pause pause) {
  constexpr std::chrono::milliseconds longest{5'000};
  constexpr std::chrono::milliseconds patience{30'000};
  std::chrono::milliseconds spent{0};
  for (std::chrono::milliseconds next{10};;
       next = std::min(2 * next, longest)) {
    auto result = f();
    if (result || result.error() != errc::overloaded || spent >= patience)
      return result;
    pause(next);
    spent += next;
  }
}

template <class F>
auto patiently(F f) {
  return patiently(std::move(f), [](std::chrono::milliseconds length) {
    std::this_thread::sleep_for(length);
  });
}

} // namespace larder::detail
