// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that brings one page of a store under the primary encryption key.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

#include <vector>

namespace larder::internal {

/// The actors of the store that rekeying needs.
struct rekey_helpers {
  caf::actor store;
  caf::actor writer;
  std::vector<caf::actor> key_actors;
};

/// Spawns the actor of one page. It expects the `rekey_request` as its first
/// message; when it has answered it sends `rekey_ended` to the store.
///
/// What users' keys hold goes through their key actors. Hidden blobs are
/// replaced on condition of their revision: whoever else writes them goes
/// first.
caf::actor spawn_rekey(caf::actor_system& sys, context_ptr ctx,
                       rekey_helpers helpers);

} // namespace larder::internal
