// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Spawning the actors that call the engine.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

#include <utility>

namespace larder::internal {

/// Spawns an actor in a thread of its own, unless the engine never lets it wait
/// or the store is deterministic.
template <class F, class... Ts>
caf::actor spawn_blocking(caf::actor_system& sys, const store_context& ctx,
                          F impl, Ts&&... xs) {
  auto blocking = !ctx.caps().nonblocking && !ctx.config().deterministic;
  return blocking ? sys.spawn<caf::detached>(impl, std::forward<Ts>(xs)...)
                  : sys.spawn(impl, std::forward<Ts>(xs)...);
}

} // namespace larder::internal
