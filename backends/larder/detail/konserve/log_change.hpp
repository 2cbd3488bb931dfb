// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What becomes of the nodes of a log when its key is written or erased.

#pragma once

#include "larder/detail/konserve/blob.hpp"
#include "larder/detail/konserve/incoming.hpp"

#include <optional>
#include <vector>

namespace larder::detail::ksv {

/// A blob that is to be written.
struct planned_blob {
  uuid id;
  bytes data;
};

/// The blobs of a log that is being written. They are to be written in the
/// order nodes, links, head, each of the three durable before the next: the
/// head decides what is in the log.
struct log_plan {
  std::vector<planned_blob> nodes;
  /// The node that was the last one, with its link to the first new one.
  std::optional<planned_blob> link;
  bytes head;
  /// The ids of nodes that are to be removed in the end.
  std::vector<uuid> unlinked;
};

/// Finds out how to make the log at a key hold what `x` holds. If that is the
/// same log, longer or with its first entries gone, the nodes in between stay
/// as they are; else all are made anew.
/// @param holder the blob that the key has
expected<log_plan> plan_log(const store_state& state, const uuid& id,
                            const value& key, const incoming_blob& x,
                            const std::optional<stored_blob>& holder);

/// Returns the nodes that nobody needs any more when the key holds something
/// else: those of its log, and what a killed process has left to be removed.
/// As far as they can be found: damage is no reason to keep a key.
std::vector<uuid> nodes_of(const store_state& state,
                           const std::optional<stored_blob>& holder);

/// Removes blobs of nodes, the first one last: as long as that is there, the
/// others are found from it.
void remove_nodes(const store_state& state, const std::vector<uuid>& nodes);

} // namespace larder::detail::ksv
