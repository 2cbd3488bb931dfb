// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Stores under load: client actors that keep many requests under way.

#pragma once

#include "measure.hpp"

#include "larder/blocking_client.hpp"
#include "larder/client.hpp"
#include "larder/store.hpp"

#include <latch>
#include <optional>

namespace bench {

// -- a store and its actor system ---------------------------------------------

class system_config : public caf::actor_system_config {
public:
  system_config() {
    larder::add_actor_types(*this);
  }
};

/// A store that runs until it goes out of scope.
class running_store {
public:
  running_store(caf::actor_system& sys, larder::store_config config)
    : store_(larder::spawn_store(sys, std::move(config))),
      client_(sys, store_) {
    // nop
  }

  running_store(caf::actor_system& sys, const std::string& uri)
    : running_store(sys, need(larder::open_store(uri))) {
    // nop
  }

  ~running_store() {
    need(client_.close_store());
  }

  const caf::actor& handle() const {
    return store_;
  }

  larder::blocking_client& client() {
    return client_;
  }

  /// The key actors; key `k` belongs to number `k.hash() % n`.
  std::vector<caf::actor> key_actors(caf::actor_system& sys) const {
    std::vector<caf::actor> result;
    caf::scoped_actor self{sys};
    larder::detail::request(&*self, store_, larder::routes_request{})
      .receive(
        [&](larder::routes_reply& x) { result = std::move(x.key_actors); },
        [](const caf::error& x) { give_up(to_string(larder::to_error(x))); });
    return result;
  }

private:
  caf::actor store_;
  larder::blocking_client client_;
};

// -- load ---------------------------------------------------------------------

/// What to send: `total` requests, from a list that is gone through in a
/// circle, `in_flight` at a time.
template <class Request>
struct work {
  const std::vector<Request>* requests;
  size_t total;
  size_t in_flight;
};

/// Sends straight to the actors that own the keys and leaves out all that a
/// `larder::client` does beside.
template <class Request>
class plain_sender {
public:
  plain_sender(caf::event_based_actor* self, std::vector<caf::actor> owners)
    : self_(self), owners_(std::move(owners)) {
    // nop
  }

  template <class F>
  void send(Request req, F f) {
    auto& to = owners_[req.key.hash() % owners_.size()];
    larder::detail::request(self_, to, std::move(req))
      .then(
        [f](const typename Request::reply_type&) { f(); },
        [](const caf::error& x) { give_up(to_string(larder::to_error(x))); });
  }

private:
  caf::event_based_actor* self_;
  std::vector<caf::actor> owners_;
};

/// Sends through a `larder::client`.
template <class Request>
class client_sender {
public:
  client_sender(caf::event_based_actor* self, caf::actor store)
    : client_(self, std::move(store)) {
    // nop
  }

  template <class F>
  void send(Request req, F f) {
    client_.send<Request>(
      std::move(req), [f](larder::expected<typename Request::reply_type> x) {
        need(std::move(x));
        f();
      });
  }

private:
  larder::client client_;
};

template <class Request, class Sender>
class load_client : public caf::event_based_actor {
public:
  template <class Target>
  load_client(caf::actor_config& cfg, Target target, work<Request> todo,
              size_t first, std::latch* done)
    : caf::event_based_actor(cfg), todo_(todo), next_(first), done_(done) {
    make_sender_ = [this, target] { sender_.emplace(this, target); };
  }

  caf::behavior make_behavior() override {
    make_sender_();
    while (sent_ < std::min(todo_.in_flight, todo_.total))
      send_one();
    return {};
  }

  void on_exit() override {
    sender_.reset();
    make_sender_ = nullptr;
  }

private:
  void send_one() {
    ++sent_;
    auto& all = *todo_.requests;
    if (++next_ >= all.size())
      next_ = 0;
    sender_->send(all[next_], [this] { answered(); });
  }

  void answered() {
    if (sent_ < todo_.total)
      send_one();
    if (++answered_ == todo_.total) {
      done_->count_down();
      quit();
    }
  }

  work<Request> todo_;
  size_t next_;
  std::latch* done_;
  std::function<void()> make_sender_;
  std::optional<Sender> sender_;
  size_t sent_ = 0;
  size_t answered_ = 0;
};

/// Runs `clients` actors with the same work, each from another place in the
/// list, and returns how many requests were answered per second.
template <class Sender, class Request, class Target>
double rate(caf::actor_system& sys, const Target& target, work<Request> todo,
            size_t clients) {
  std::latch done{static_cast<std::ptrdiff_t>(clients)};
  stopwatch watch;
  for (size_t i = 0; i < clients; ++i)
    sys.spawn<load_client<Request, Sender>>(
      target, todo, i * todo.requests->size() / clients, &done);
  done.wait();
  return static_cast<double>(clients * todo.total) / watch.seconds();
}

/// With requests sent straight to the owners of the keys.
template <class Request>
double plain_rate(caf::actor_system& sys, const std::vector<caf::actor>& owners,
                  work<Request> todo, size_t clients = 1) {
  return rate<plain_sender<Request>>(sys, owners, todo, clients);
}

/// With requests sent by a `larder::client`.
template <class Request>
double client_rate(caf::actor_system& sys, const caf::actor& store,
                   work<Request> todo, size_t clients = 1) {
  return rate<client_sender<Request>>(sys, store, todo, clients);
}

} // namespace bench
