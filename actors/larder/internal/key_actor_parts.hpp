// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a key actor shares with the objects that do its work.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/change_reporter.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/log_service.hpp"
#include "larder/internal/shard.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace larder::internal {

struct key_actor_parts {
  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  actor_statistics* stats = nullptr;
  std::unique_ptr<log_service> logs; // outlives the operations in `keys`
  std::unique_ptr<shard> keys;
  std::unique_ptr<change_reporter> reporter;
  caf::actor writer;

  /// The place of this key actor among its peers, all key actors.
  size_t index = 0;
  std::vector<caf::actor> peers;

  /// Requests to other actors that have not been answered.
  size_t forwarded = 0;

  /// Sees to what the shard wants done, after it was given something to do
  /// outside of a message handler.
  std::function<void()> wake;
};

} // namespace larder::internal
