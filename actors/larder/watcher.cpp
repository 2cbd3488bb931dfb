// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/watcher.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/timer.hpp"

#include <algorithm>
#include <utility>

namespace larder {

/// Shared with the callbacks of requests that are under way, which do nothing
/// once the watcher is gone.
struct watcher::state : std::enable_shared_from_this<watcher::state> {
  state(caf::event_based_actor* owner, caf::actor target, watch_request req,
        watch_handlers fs, watcher_options opts)
    : self(owner),
      store(std::move(target)),
      what(std::move(req)),
      handlers(std::move(fs)),
      options(opts),
      pause(opts.first_pause) {
    // nop
  }

  caf::event_based_actor* self;
  caf::actor store;
  watch_request what;
  watch_handlers handlers;
  watcher_options options;
  std::chrono::milliseconds pause;
  bool alive = true;
  bool begun = false;
  uint64_t watch = 0;
  watch_position position;
  caf::actor timer;

  using weak_ptr = std::weak_ptr<state>;

  using step = void (state::*)();

  static std::shared_ptr<state> lock(const weak_ptr& weak) {
    auto result = weak.lock();
    return result && result->alive ? result : nullptr;
  }

  /// Sends a request, then calls `take` or, if it has failed, `handle`.
  template <class Request>
  void ask(Request req, step again) {
    using reply = typename Request::reply_type;
    auto weak = weak_from_this();
    detail::request(self, store, std::move(req))
      .then(
        [weak](reply& x) {
          if (auto st = lock(weak))
            st->take(x);
        },
        [weak, again](const caf::error& why) {
          if (auto st = lock(weak))
            st->handle(why, again);
        });
  }

  void begin() {
    ask(what, &state::begin);
  }

  void take(const watch_reply& reply) {
    watch = reply.watch;
    position = reply.position;
    pause = options.first_pause;
    if (!std::exchange(begun, true) && handlers.begun)
      handlers.begun();
    if (alive)
      fetch();
  }

  void fetch() {
    fetch_events_request req;
    req.watch = watch;
    req.limit = options.limit;
    req.received = position;
    ask(std::move(req), &state::fetch);
  }

  void take(fetch_events_reply& reply) {
    position = reply.position;
    pause = options.first_pause;
    if (handlers.changed && (reply.resync || !reply.events.empty()))
      handlers.changed(reply);
    if (alive)
      fetch();
  }

  /// @param again repeats what has failed
  void handle(const caf::error& why, step again) {
    if (why == caf::sec::request_receiver_down)
      return end({errc::closed, "the store has ended"});
    auto err = to_error(why);
    if (err == errc::not_found) {
      // The watch is over, but not for us: on from where we are.
      what.since_revision.reset();
      what.since_stamp.reset();
      what.since_position = position;
      return begin();
    }
    // A store that closes may be served again soon.
    if (!err.retryable() && err != errc::closed)
      return end(err);
    after_pause(again);
  }

  void after_pause(step next) {
    if (!timer)
      timer = internal::spawn_timer(self->system());
    auto delay = pause;
    pause = std::min(pause * 2, options.last_pause);
    auto go_on = [weak = weak_from_this(), next] {
      if (auto st = lock(weak))
        (*st.*next)();
    };
    detail::request(self, timer, internal::delay_request{delay})
      .then([go_on](internal::delay_reply) { go_on(); },
            [go_on](const caf::error&) { go_on(); });
  }

  void end(const error& why) {
    alive = false;
    watch = 0;
    if (handlers.ended)
      handlers.ended(why);
  }
};

watcher::watcher(caf::event_based_actor* self, caf::actor store,
                 watch_request what, watch_handlers handlers,
                 watcher_options options)
  : state_(std::make_shared<state>(self, std::move(store), std::move(what),
                                   std::move(handlers), options)) {
  state_->begin();
}

watcher::~watcher() {
  if (!state_)
    return;
  state_->alive = false;
  if (state_->watch != 0)
    detail::anon_send(state_->store, unwatch_request{state_->watch});
  // Its delay would keep the timer, and so the actor system, from ending.
  if (state_->timer)
    detail::anon_send_exit(state_->timer, caf::exit_reason::user_shutdown);
}

} // namespace larder
