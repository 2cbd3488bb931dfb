// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Calling functions that users have written.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <exception>
#include <utility>

namespace larder::internal {

/// Calls a function that returns a value; what it throws is `function_failed`.
template <class F, class... Ts>
expected<value> call_function(const F& f, Ts&&... xs) {
  try {
    return f(std::forward<Ts>(xs)...);
  } catch (const std::exception& ex) {
    return fail(errc::function_failed, ex.what());
  } catch (...) {
    return fail(errc::function_failed, "unknown exception");
  }
}

} // namespace larder::internal
