// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Batches that are carried out key by key.

#pragma once

#include "larder/error.hpp"
#include "larder/internal/key_actor_parts.hpp"
#include "larder/messages/batches.hpp"

#include <functional>
#include <vector>

namespace larder::internal {

/// Sends each operation to the owner of its key when the one before is durable,
/// until one fails; then `done` gets an outcome per operation.
/// @param parts of the key actor that does it, which outlives it
void run_best_effort(key_actor_parts& parts, transact_request what,
                     std::function<void(std::vector<key_outcome>)> done);

} // namespace larder::internal
