// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that owns a slice of the keys.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

#include <vector>

namespace larder::internal {

/// Spawns a key actor.
/// @param index its place in `store_context::statistics`
/// @param writer the actor that commits; unused if the engine is called in
/// place
/// @param readers the actors that read
caf::actor spawn_key_actor(caf::actor_system& sys, context_ptr ctx,
                           size_t index, caf::actor writer,
                           std::vector<caf::actor> readers);

} // namespace larder::internal
