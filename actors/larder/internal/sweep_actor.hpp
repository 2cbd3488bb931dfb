// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that carries out one sweep.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

#include <vector>

namespace larder::internal {

/// The actors of the store that a sweep needs.
struct sweep_helpers {
  caf::actor store;
  caf::actor reader;
  caf::actor publications;
  std::vector<caf::actor> key_actors;
};

/// Spawns the actor of a sweep. It expects the `begin_sweep_request` as its
/// first message, then the sweep's other requests; when it has ended it sends
/// `sweep_ended` to the store.
caf::actor spawn_sweep(caf::actor_system& sys, context_ptr ctx, uint64_t id,
                       sweep_helpers helpers);

} // namespace larder::internal
