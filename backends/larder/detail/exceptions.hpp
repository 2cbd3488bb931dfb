// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What keeps exceptions within an engine: none may leave one.

#pragma once

#include "larder/error.hpp"
#include "larder/uri.hpp"

#include <utility>

namespace larder::detail {

/// Memory has run out, and nothing was changed.
error out_of_memory();

/// Returns the error of the exception that is being handled: `limit_exceeded`
/// if memory has run out, else `internal`.
/// @param data_loss of a commit of which nobody knows how far it came, which is
///                  an `io_error`
error error_of_exception(bool data_loss = false);

/// Calls `f` and turns exceptions into errors.
template <class F>
auto without_exceptions(F f) -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    return fail(error_of_exception());
  }
}

/// Makes a function of an engine from one that takes its configuration, which
/// `parse` reads from a URI.
template <class Parse, class F>
auto with_config(Parse parse, F f) {
  return [parse, f](const uri& x) {
    using result_type = decltype(f(std::move(*parse(x))));
    return without_exceptions([&]() -> result_type {
      auto config = parse(x);
      if (!config)
        return fail(config.error());
      return f(std::move(*config));
    });
  };
}

} // namespace larder::detail
