// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Putting an append log back.

#pragma once

#include "larder/internal/context.hpp"

namespace larder::internal {

/// Spawns an actor that restores one log. It expects the
/// `open_restore_log_request` as its first message, then the stream's other
/// requests; when it has ended it sends `stream_ended` to `store`.
///
/// Segments are stored while they come, the head in the end. Until then a
/// garbage record with an expiry names the segments: whoever finds it after
/// that time removes them (docs/format.md). Each commit of segments and that of
/// the head hold only if the record still is as this actor has written it.
/// @param key_actor the owner of the log's key
caf::actor spawn_log_restorer(caf::actor_system& sys, context_ptr ctx,
                              uint64_t id, caf::actor store,
                              caf::actor key_actor, caf::actor writer);

} // namespace larder::internal
