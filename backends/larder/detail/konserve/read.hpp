// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/konserve/blob.hpp"
#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/state.hpp"

#include <optional>

namespace larder::detail::ksv {

/// Reads (a part of) the blob of a key. Changes nothing.
read_outcome read_key(const store_state& state, const read_request& request);

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

// -- old layouts --------------------------------------------------------------

/// Returns the file of an old layout that has the value of a key, if any.
expected<std::optional<file_id>> find_old(const store_state& state,
                                          const uuid& id);

/// Why such a file cannot be used as it is.
error needs_migration(const file_id& file);

/// Checks that a key without blob has no value in an old layout either.
/// @returns `needs_migration` or `io_error`
expected<void> check_not_old(const store_state& state, const uuid& id);

} // namespace larder::detail::ksv
