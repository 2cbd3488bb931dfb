// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Watching a store from an actor.

#pragma once

#include "larder/actor_types.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace larder {

/// What a watcher tells its owner.
struct watch_handlers {
  /// The watch has begun: every change that is answered from now on is seen.
  /// What is read now is not older than the first event. Called once.
  std::function<void()> begun;

  /// There are events, or some were missed (`resync`), or both. Not called with
  /// neither.
  std::function<void(fetch_events_reply&)> changed;

  /// The watch is over for good: the store does not take it, or the actor
  /// `store` has ended. Called at most once, after everything else.
  std::function<void(const error&)> ended;
};

/// How a watcher fetches.
struct watcher_options {
  /// Greatest number of events at a time, unless a batch has more.
  uint64_t limit = 1000;

  /// Pauses before a store that cannot be reached is tried again: the first,
  /// doubled up to the last.
  std::chrono::milliseconds first_pause{50};
  std::chrono::milliseconds last_pause{5000};
};

/// Fetches events for the actor that owns it and calls back in that actor's
/// context. It goes on by itself when a served store was away: what it can have
/// missed then is told as a `resync`, and no event comes twice. Owned by the
/// state of one actor and used by it alone; a handler may destroy it. An actor
/// that quits in a handler must do so, or it lives on to fetch again.
class watcher {
public:
  /// @param store a store (store.hpp) or a connection to one (remote.hpp)
  watcher(caf::event_based_actor* self, caf::actor store, watch_request what,
          watch_handlers handlers, watcher_options options = {});

  watcher(watcher&&) noexcept = default;

  watcher& operator=(watcher&&) = delete;

  /// Ends the watch; no handler is called any more.
  ~watcher();

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace larder
