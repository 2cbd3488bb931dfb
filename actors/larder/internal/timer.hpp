// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A clock that answers later.

#pragma once

#include "larder/actor_types.hpp"

namespace larder::internal {

/// Spawns an actor that answers each `delay_request` when its delay has passed.
/// It ends when nobody refers to it any more.
caf::actor spawn_timer(caf::actor_system& sys);

} // namespace larder::internal
