// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actors that wait for the engine, so that no other has to.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

namespace larder::internal {

/// Spawns the actor that commits: it gathers what has arrived, commits it as
/// one batch and answers. In a thread of its own, unless the store is
/// deterministic.
/// @param index its place in `store_context::statistics`
caf::actor spawn_writer(caf::actor_system& sys, context_ptr ctx, size_t index);

/// Spawns an actor that reads.
caf::actor spawn_reader(caf::actor_system& sys, context_ptr ctx, size_t index);

} // namespace larder::internal
