// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that frees the space of expired keys.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

#include <vector>

namespace larder::internal {

/// Spawns the actor. Once per `store_config::collection_interval` it goes
/// through all keys, page by page: the keys of one page that have expired are
/// erased by their key actors before the next page is looked at. So no more
/// than a page is under way, and writers wait for no more than that.
caf::actor spawn_collector(caf::actor_system& sys, context_ptr ctx,
                           caf::actor reader,
                           std::vector<caf::actor> key_actors);

} // namespace larder::internal
