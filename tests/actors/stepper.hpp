// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A store that tests run message by message, in virtual time.

#pragma once

#include "engines.hpp"

#include "larder/actor_types.hpp"
#include "larder/internal/batch.hpp"
#include "larder/store.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::test {

using namespace std::chrono_literals;

/// A request that was sent and, later, its answer.
template <class Request>
class question {
public:
  using reply = typename Request::reply_type;

  question(caf::actor_system& sys, const caf::actor& dst, Request req)
    : self_(std::make_unique<caf::scoped_actor>(sys, true)),
      id_((*self_)->request(dst, caf::infinite, std::move(req))) {
    // nop
  }

  /// Whether the answer has arrived (and not been taken).
  bool answered() {
    return !(*self_)->mailbox().empty();
  }

  /// Takes the answer, which must be there.
  expected<reply> take() {
    REQUIRE(answered());
    expected<reply> result = fail(errc::internal, "no answer");
    id_.receive([&](reply& x) { result = std::move(x); },
                [&](const caf::error& x) { result = fail(to_error(x)); });
    return result;
  }

private:
  std::unique_ptr<caf::scoped_actor> self_;
  decltype(std::declval<caf::scoped_actor&>()->request(
    std::declval<const caf::actor&>(), caf::infinite,
    std::declval<Request>())) id_;
};

/// An actor system that does nothing by itself.
class stepper {
public:
  explicit stepper()
    : sys_(init(cfg_)),
      sched_(
        dynamic_cast<caf::scheduler::test_coordinator&>(sys_.scheduler())) {
    // nop
  }

  ~stepper() {
    end();
  }

  caf::actor_system& system() {
    return sys_;
  }

  /// Wall clock of stores, ms since 1970.
  int64_t now = 1'700'000'000'000;

  // -- the store --------------------------------------------------------------

  /// Spawns a store with one key actor and one reader.
  caf::actor spawn(std::shared_ptr<backend> engine,
                   const std::function<void(store_config&)>& tweak = {}) {
    auto codecs = std::make_shared<const codec_registry>();
    store_config config;
    config.engine = std::move(engine);
    config.chain
      = *make_chain_config(std::move(codecs), "cbor", "none", "none", nullptr);
    config.key_actors = 1;
    config.readers = 1;
    config.clock = [this] { return now; };
    config.deterministic = true;
    if (tweak)
      tweak(config);
    store = spawn_store(sys_, std::move(config));
    run();
    return store;
  }

  /// The store that was spawned last.
  caf::actor store;

  /// Ends the store as its host process might: with an exit message.
  void end() {
    if (store)
      caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
    store = nullptr;
    run();
  }

  /// Closes the store; all is answered.
  void close() {
    auto closing = ask(close_request{});
    run();
    REQUIRE(closing.take());
    store = nullptr;
  }

  // -- requests ---------------------------------------------------------------

  /// Sends a request without running anything.
  template <class Request>
  question<Request> ask(Request req) {
    return {sys_, store, std::move(req)};
  }

  /// Sends a request and runs everything.
  template <class Request>
  expected<typename Request::reply_type> call(Request req) {
    auto result = ask(std::move(req));
    run();
    return result.take();
  }

  /// The key actors of the store.
  std::vector<caf::actor> ask_routes() {
    std::vector<caf::actor> result;
    caf::scoped_actor self{sys_, true};
    auto id = self->request(store, caf::infinite, routes_request{});
    run();
    id.receive([&](routes_reply& x) { result = std::move(x.key_actors); },
               [](const caf::error& x) { FAIL(to_string(to_error(x))); });
    return result;
  }

  // -- running ----------------------------------------------------------------

  /// Runs until nobody has anything to do.
  void run() {
    sched_.run();
  }

  /// Runs one actor once, if any has something to do.
  bool run_one() {
    return sched_.try_run_once();
  }

  /// Runs up to `n` actors once each.
  void run_few(size_t n) {
    while (n-- > 0 && run_one()) {
      // nop
    }
  }

  /// Runs all actors but those called `name`.
  void run_without(std::string_view name) {
    sched_.run_jobs_filtered([name](caf::resumable* job) {
      auto ptr = dynamic_cast<caf::local_actor*>(job);
      return ptr == nullptr || ptr->name() != name;
    });
  }

  /// Lets all time pass that the actors measure; the stores' clock as well.
  void advance(std::chrono::milliseconds time) {
    now += time.count();
    advance_timers(time);
  }

  /// As `advance`, but the wall clock stands still.
  void advance_timers(std::chrono::milliseconds time) {
    sched_.advance_time(time);
    run();
  }

  /// Lets time pass while an actor is at work.
  void pass(std::chrono::microseconds time) {
    sched_.clock().current_time += time;
  }

  /// As `advance_timers`, with the actors called `name` kept waiting.
  void advance_timers_without(std::chrono::milliseconds time,
                              std::string_view name) {
    sched_.advance_time(time);
    run_without(name);
  }

private:
  static caf::actor_system_config& init(caf::actor_system_config& cfg) {
    init_actor_types();
    cfg.set("scheduler.policy", caf::atom("testing"));
    add_actor_types(cfg);
    return cfg;
  }

  caf::actor_system_config cfg_;
  caf::actor_system sys_;
  caf::scheduler::test_coordinator& sched_;
};

constexpr std::string_view writer = "larder.writer";
constexpr std::string_view reader = "larder.reader";

// -- requests in short --------------------------------------------------------

inline put_request put(value key, value content) {
  put_request result;
  result.key = std::move(key);
  result.content = std::move(content);
  return result;
}

inline put_request put_at(value key, path steps, value content) {
  auto result = put(std::move(key), std::move(content));
  result.steps = std::move(steps);
  return result;
}

inline get_request get(value key, path steps = {}) {
  return {std::move(key), std::move(steps), std::nullopt};
}

inline update_request update(value key, std::string function,
                             std::vector<value> arguments = {}) {
  update_request result;
  result.key = std::move(key);
  result.function = std::move(function);
  result.arguments = std::move(arguments);
  return result;
}

inline erase_request erase(value key) {
  erase_request result;
  result.key = std::move(key);
  return result;
}

inline write_request write(value key, std::string_view content) {
  write_request result;
  result.key = std::move(key);
  result.content = std::make_shared<const bytes>(to_bytes(content));
  return result;
}

inline read_range_request read(value key) {
  read_range_request result;
  result.key = std::move(key);
  return result;
}

inline time_to_live ttl(std::chrono::milliseconds x) {
  return x;
}

/// Adds a condition, extras or a time to live to a request.
template <class Request>
Request if_absent(Request req) {
  req.condition.must_be_absent = true;
  return req;
}

template <class Request>
Request if_revision(Request req, const revision& rev) {
  req.condition.must_match = rev;
  return req;
}

template <class Request>
Request with_ttl(Request req, std::chrono::milliseconds x) {
  req.ttl = x;
  return req;
}

template <class Request>
Request with_extras(Request req, value x) {
  req.extras = std::move(x);
  return req;
}

// -- expectations -------------------------------------------------------------

/// The code of an error, or nothing.
template <class T>
std::optional<errc> code_of(const expected<T>& x) {
  if (x)
    return std::nullopt;
  return x.error().code();
}

} // namespace larder::test
