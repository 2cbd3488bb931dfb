// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that an application talks to.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

namespace larder::internal {

/// Spawns a store actor and all others of its store.
caf::actor spawn_store_actor(caf::actor_system& sys, context_ptr ctx);

} // namespace larder::internal
