// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/error.hpp"

#include <exception>

namespace larder::internal {

/// Calls `f`, which returns an expected, and turns what an engine throws,
/// against its contract, into an error.
template <class F>
auto guarded(F f) -> decltype(f()) {
  try {
    return f();
  } catch (const std::exception& ex) {
    return fail(errc::internal, ex.what());
  }
}

} // namespace larder::internal
