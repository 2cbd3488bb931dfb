// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that opens and ends publications and tells sweeps of them.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

namespace larder::internal {

/// Spawns the actor. It takes the requests on publications and
/// `find_publications`, and remembers who began a publication: when that actor
/// ends, so do its publications.
caf::actor spawn_publication_actor(caf::actor_system& sys, context_ptr ctx,
                                   caf::actor writer, caf::actor reader);

} // namespace larder::internal
