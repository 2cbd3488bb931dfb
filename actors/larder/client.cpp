// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/client.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/routing.hpp"
#include "larder/internal/timer.hpp"

#include <deque>
#include <unordered_map>
#include <utility>

namespace larder {

namespace {

/// Requests on several keys.
template <class Request>
concept batch = requires(const Request& req) {
  internal::route(req, size_t{1});
};

using clock_type = std::chrono::steady_clock;

} // namespace

/// Shared with the callbacks of requests that are under way, which do nothing
/// once the client is gone.
struct client::state : std::enable_shared_from_this<client::state> {
  /// A request that has not been answered: how to fail it.
  struct open_request {
    clock_type::time_point since;
    std::function<void(const error&)> fail;
    bool sent = false;
  };

  state(caf::event_based_actor* owner, caf::actor target, client_options opts)
    : self(owner), store(std::move(target)), options(opts) {
    // nop
  }

  ~state() {
    // Its delay would keep the timer, and so the actor system, from ending.
    if (timer)
      detail::anon_send_exit(timer, caf::exit_reason::user_shutdown);
  }

  caf::event_based_actor* self;
  caf::actor store;
  client_options options;
  std::vector<caf::actor> routes;
  bool ready = false;
  uint64_t next_id = 0;
  std::unordered_map<uint64_t, open_request> open;
  size_t in_flight = 0;

  /// Sends that wait for the window to open.
  std::deque<std::pair<uint64_t, std::function<void()>>> waiting;

  caf::actor timer;
  bool ticking = false;

  // -- start-up ---------------------------------------------------------------

  void ask_for_routes() {
    auto weak = weak_from_this();
    auto done = [weak](std::vector<caf::actor> xs) {
      if (auto st = weak.lock()) {
        st->routes = std::move(xs);
        st->ready = true;
        st->send_waiting();
      }
    };
    detail::request(self, store, routes_request{})
      .then([done](routes_reply& reply) { done(std::move(reply.key_actors)); },
            // Not a store of this process: it gets everything itself, and
            // answers errors itself.
            [done](const caf::error&) { done({}); });
  }

  const caf::actor& target_of(const value& key) const {
    return routes.empty() ? store : routes[internal::route(key, routes.size())];
  }

  template <class Request>
  caf::actor target_for(const Request& req) const {
    if constexpr (internal::for_key_actor<Request>)
      return target_of(req.key);
    else if constexpr (batch<Request>)
      return routes.empty() ? store
                            : routes[internal::route(req, routes.size())];
    else
      return store;
  }

  // -- requests ---------------------------------------------------------------

  template <class Request>
  void send(Request req, handler<Request> f) {
    using reply = typename Request::reply_type;
    if (waiting.size() >= options.max_waiting) {
      f(fail(errc::overloaded,
             "too many requests wait in the client, try again later"));
      return;
    }
    auto id = ++next_id;
    auto shared = std::make_shared<handler<Request>>(std::move(f));
    open.emplace(
      id, open_request{self->clock().now(),
                       [shared](const error& err) { (*shared)(fail(err)); }});
    auto transmit = [this, id, shared, r = std::move(req)]() mutable {
      ++in_flight;
      open.at(id).sent = true;
      auto weak = weak_from_this();
      auto to = target_for(r);
      detail::request(self, to, std::move(r))
        .then(
          [weak, id, shared](reply& x) {
            if (auto st = weak.lock(); st && st->answered(id))
              (*shared)(std::move(x));
          },
          [weak, id, shared](const caf::error& err) {
            if (auto st = weak.lock(); st && st->answered(id))
              (*shared)(fail(st->translate(err)));
          });
    };
    if (ready && waiting.empty() && in_flight < options.window)
      transmit();
    else
      waiting.emplace_back(id, std::move(transmit));
    start_ticking();
  }

  error translate(const caf::error& err) const {
    // A key actor of this process that has ended has not taken the request up;
    // a connection routes to itself, and may have.
    auto local = !routes.empty() && routes.front() != store;
    if (local && err == caf::sec::request_receiver_down)
      return {errc::closed, "the store has ended"};
    return to_error(err);
  }

  /// Returns whether anybody still waits for this answer.
  bool answered(uint64_t id) {
    --in_flight;
    auto wanted = open.erase(id) > 0;
    send_waiting();
    return wanted;
  }

  void send_waiting() {
    while (ready && !waiting.empty() && in_flight < options.window) {
      auto [id, transmit] = std::move(waiting.front());
      waiting.pop_front();
      if (open.contains(id))
        transmit();
    }
  }

  // -- deadlines --------------------------------------------------------------

  /// One timer looks at all requests: CAF's own timeouts are too dear.
  void start_ticking() {
    if (ticking || open.empty() || options.deadline.count() <= 0)
      return;
    if (!timer)
      timer = internal::spawn_timer(self->system());
    ticking = true;
    auto pause = std::max(options.deadline / 4, std::chrono::milliseconds{1});
    auto weak = weak_from_this();
    auto wake = [weak] {
      if (auto st = weak.lock()) {
        st->ticking = false;
        st->fail_overdue();
        st->start_ticking();
      }
    };
    detail::request(self, timer, internal::delay_request{pause})
      .then([wake](internal::delay_reply) { wake(); },
            [wake](const caf::error&) { wake(); });
  }

  void fail_overdue() {
    auto limit = self->clock().now() - options.deadline;
    std::vector<open_request> overdue;
    for (auto i = open.begin(); i != open.end();) {
      if (i->second.since <= limit) {
        overdue.push_back(std::move(i->second));
        i = open.erase(i);
      } else {
        ++i;
      }
    }
    auto time = " within " + std::to_string(options.deadline.count()) + " ms";
    error unsent{errc::timeout,
                 "not sent" + time
                   + ", as too many requests are under way: nothing was done"};
    error unanswered{errc::timeout,
                     "no answer" + time
                       + "; a change may or may not have been made"};
    for (auto& x : overdue)
      x.fail(x.sent ? unanswered : unsent);
  }
};

// -- the client ---------------------------------------------------------------

client::client(caf::event_based_actor* self, caf::actor store,
               client_options options)
  : state_(std::make_shared<state>(self, std::move(store), options)) {
  state_->ask_for_routes();
}

client::~client() {
  // nop
}

size_t client::pending() const noexcept {
  return state_->open.size();
}

template <class Request>
void client::send(Request request, handler<Request> f) {
  state_->send(std::move(request), std::move(f));
}

// The definitions stay here, away from the many files that include the header.
#define LARDER_INSTANTIATE(request)                                            \
  template void client::send(request, handler<request>);

LARDER_FOR_EACH_REMOTE_REQUEST(LARDER_INSTANTIATE)
LARDER_FOR_EACH_LOCAL_REQUEST(LARDER_INSTANTIATE)

#undef LARDER_INSTANTIATE

} // namespace larder
