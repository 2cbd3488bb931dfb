// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that owns the watches of a store.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

#include <vector>

namespace larder::internal {

/// Spawns the hub of a store.
/// @param key_actors those who tell it of changes, in their order
caf::actor spawn_watch_actor(caf::actor_system& sys, context_ptr ctx,
                             std::vector<caf::actor> key_actors);

} // namespace larder::internal
