// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Talking to a store from an actor.

#pragma once

#include "larder/actor_types.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace larder {

/// Bounds of a client.
struct client_options {
  /// Requests under way at the same time; more wait in the client.
  size_t window = 256;

  /// Requests waiting in the client; more are `overloaded`.
  size_t max_waiting = 65'536;

  /// How long to wait for an answer before it is `timeout` (checked every
  /// quarter of it). Zero: for ever.
  std::chrono::milliseconds deadline = std::chrono::seconds{30};
};

/// Sends requests for the actor that owns it and calls back in that actor's
/// context. Requests on a key go straight to its key actor; requests on the
/// same key are carried out in the order in which they were made. Owned by the
/// state of one actor and used by it alone.
class client {
public:
  /// @param store a store (store.hpp) or a connection to one (remote.hpp)
  client(caf::event_based_actor* self, caf::actor store,
         client_options options = {});

  ~client();

  /// Called once with the reply or the error.
  template <class Request>
  using handler = std::function<void(expected<typename Request::reply_type>)>;

  /// Sends any of the requests in messages.hpp. `f` is called exactly once
  /// unless the client is destroyed before.
  template <class Request>
  void send(Request request, handler<Request> f);

  /// Requests sent or waiting that have not been answered.
  size_t pending() const noexcept;

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace larder
