// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// From the state of a key to what the engine has to do.

#pragma once

#include "larder/internal/context.hpp"
#include "larder/internal/entry.hpp"
#include "larder/internal/statistics.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::internal {

/// Makes the mutations that bring a key from `before` to `after`: first that of
/// the key's own blob (fenced by the revision of `before` if others may write
/// to the engine), then its side mutations, all in one group.
/// @param group the group of a larger commit; 0: a new one if there is more
///              than one mutation
/// @returns `limit_exceeded` for what the engine cannot hold, `unsupported` if
///          it has no groups, and the errors of the chain
expected<void> make_mutations(store_context& ctx, actor_statistics& stats,
                              const std::string& encoded_key,
                              const entry& before, const entry& after,
                              uint64_t group, std::vector<mutation>& out);

/// What became of a group: the failure of the mutation that failed the others.
commit_outcome& outcome_of_group(std::span<commit_outcome> outcomes);

} // namespace larder::internal
