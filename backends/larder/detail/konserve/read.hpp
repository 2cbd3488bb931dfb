// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/konserve/blob.hpp"
#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/state.hpp"

#include <optional>

namespace larder::detail::ksv {

/// Reads (a part of) the blob of a key. Changes nothing, but for a value in an
/// old layout, which becomes a blob if the store was opened for that.
read_outcome read_key(store_state& state, const read_request& request);

/// Calls `f` again as long as it was disturbed by a writer, a bounded number of
/// times.
template <class F>
auto undisturbed(F f) {
  constexpr int max_attempts = 20;
  for (auto i = 1;; ++i) {
    auto result = f();
    if (result || result.error() != errc::conflict || i == max_attempts)
      return result;
  }
}

} // namespace larder::detail::ksv
