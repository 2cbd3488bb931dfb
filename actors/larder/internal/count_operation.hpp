// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/internal/context.hpp"

namespace larder::internal {

/// Counts an operation that is over, and tells the operator if it has taken too
/// long.
/// @param key what it was on, if on one key
/// @param keys how many keys it was on otherwise, if that is known
void count_operation(store_context& ctx, actor_statistics& stats, op_kind what,
                     bool failed, uint64_t microseconds, const value* key,
                     size_t keys = 0);

} // namespace larder::internal
