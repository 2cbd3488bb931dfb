// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Requests on several keys while the keys never rest, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "log_tools.hpp"
#  include "stepper.hpp"
#  include "transactions.hpp"

#  include <map>
#  include <random>
#  include <set>

using namespace larder;
using namespace larder::test;

namespace {

constexpr size_t owners = 2;

const value a = key_of(0, owners);
const value b = key_of(1, owners);

/// A store with several key actors whose commits wait for the writer.
class busy_world : public stepper {
public:
  explicit busy_world(std::shared_ptr<backend> engine = make_memory(),
                      const std::function<void(store_config&)>& tweak = {}) {
    spawn(std::move(engine), [&](store_config& cfg) {
      cfg.key_actors = owners;
      if (tweak)
        tweak(cfg);
    });
  }

  int64_t figure(std::string_view group, std::string_view name) {
    auto asking = ask(statistics_request{});
    run_without(writer);
    auto all = asking.take()->statistics;
    return get_in(all, path{value::keyword(group), value::keyword(name)})
      ->as_integer();
  }

  /// Nothing is under way, so nothing may be counted as if it were.
  void check_idle() {
    CHECK(figure("requests", "in-flight") == 0);
    CHECK(figure("requests", "pending-bytes") == 0);
    CHECK(figure("commits", "queued") == 0);
  }
};

} // namespace

TEST_CASE("keys that never rest are read together all the same") {
  // Seen from here: a snapshot that was disturbed too often holds its keys.
  int64_t held = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    busy_world world;
    for (auto& key : {a, b})
      REQUIRE(world.call(put(key, 0)));
    std::minstd_rand random{seed};
    std::vector<question<update_request>> changes;
    std::vector<std::pair<question<multi_get_request>, int64_t>> readings;
    for (auto i = 0; i < 150; ++i) {
      auto done = std::count_if(changes.begin(), changes.end(),
                                [](auto& x) { return x.answered(); });
      if (random() % 10 == 0)
        readings.emplace_back(world.ask(multi_get({a, b})), done);
      changes.push_back(world.ask(update(random() % 2 == 0 ? a : b, "inc")));
      world.run_few(random() % 12);
    }
    world.run();
    for (auto& x : changes)
      CHECK(x.take());
    readings.emplace_back(world.ask(multi_get({a, b})), 150);
    world.run();
    for (auto& [reading, done] : readings) {
      auto reply = reading.take();
      REQUIRE(reply);
      REQUIRE(reply->found.size() == 2);
      CHECK(reply->found[0].content.as_integer()
              + reply->found[1].content.as_integer()
            >= done);
    }
    world.check_idle();
    held += world.figure("transactions", "waits");
  }
  CHECK(held > 0);
}

TEST_CASE("all that waits for the writer is counted until it is done") {
  busy_world world;
  REQUIRE(world.call(begin_publication_request{1min}));
  for (auto i = 0; i < 2; ++i)
    REQUIRE(world.call(append("log", large_entries(200))));
  REQUIRE(world.call(erase("log")));
  world.check_idle();
  auto change = world.ask(put(a, 1));
  auto begun = world.ask(begin_publication_request{1min});
  world.run_without(writer);
  CHECK(world.figure("commits", "queued") == 2);
  world.run();
  CHECK(change.take());
  CHECK(begun.take());
  world.check_idle();
}

// -- everything at once -------------------------------------------------------

namespace {

constexpr auto hold_timeout = 5000ms;

/// Sends requests of all kinds, and knows how many changes of each key have
/// been answered.
class crowd {
public:
  crowd(busy_world& world, unsigned seed) : world_(world), random_(seed) {
    for (size_t i = 0; i < 6; ++i)
      keys_.push_back(key_of(i % owners, owners, i / owners));
  }

  std::map<value, uint64_t> changes;
  std::set<errc> errors;

  void step() {
    switch (number(12)) {
      case 0:
        return send(put(key(), static_cast<int64_t>(number(100))));
      case 1:
        return send(put(key(), "refused"));
      case 2:
        return send(update(key(), "inc"));
      case 3:
        return send(update(key(), "throws"));
      case 4:
        return send(
          transact_request{{present(key())},
                           {update(key(), "inc"), update(key(), "inc")},
                           {put(key(), 1)}});
      case 5:
        return send(transact({update(key(), "inc"), update(key(), "throws")}));
      case 6:
        return send(transact({erase(key())}));
      case 7:
        return send(multi_put({{key(), 1}, {key(), 2}, {key(), 3}}));
      case 8:
        return send(
          multi_put({{key(), 1}, {key(), 2}}, atomicity::best_effort));
      case 9:
        return send(multi_get(keys_));
      case 10:
        return send(append("log", large_entries(1 + number(3))));
      default:
        return send(transact({erase("log"), update(key(), "inc")}));
    }
  }

  /// Sends many requests, lets some time pass and takes all answers.
  void run() {
    for (auto i = 0; i < 200; ++i) {
      step();
      if (number(50) == 0)
        world_.advance_timers_without(hold_timeout / 2, writer);
      else
        world_.run_few(number(15));
    }
    world_.run();
    for (auto& f : finish_)
      f();
  }

  /// What the keys hold: values, and how much is in the log.
  std::vector<value> contents(stepper& of) const {
    std::vector<value> result;
    for (auto& key : keys_) {
      auto reply = of.call(get_request{key, {}, value{}});
      REQUIRE(reply);
      result.push_back(reply->content);
    }
    auto log = of.call(newest("log", 1'000'000));
    result.emplace_back(log ? log->entries.size() : 0);
    return result;
  }

private:
  size_t number(size_t n) {
    return random_() % n;
  }

  const value& key() {
    return keys_[number(keys_.size())];
  }

  template <class Request>
  void send(Request req) {
    auto sent = std::make_shared<question<Request>>(world_.ask(req));
    finish_.push_back([this, sent, req] {
      auto reply = sent->take();
      if (reply)
        count(req, *reply);
      else
        errors.insert(reply.error().code());
    });
  }

  void count(const auto& req, const auto&) {
    ++changes[req.key];
  }

  void count(const multi_get_request&, const multi_get_reply&) {
    // nop
  }

  void count(const multi_put_request&, const multi_put_reply& reply) {
    for (auto& x : reply.outcomes)
      changes[x.key] += x.failure ? 0 : 1;
  }

  void count(const transact_request& req, const transact_reply& reply) {
    auto& done = reply.succeeded ? req.then_operations : req.else_operations;
    for (size_t i = 0; i < done.size(); ++i) {
      auto erased = std::get_if<erase_reply>(&reply.results[i]);
      if (erased == nullptr || erased->existed)
        std::visit([this](auto& op) { ++changes[op.key]; }, done[i]);
    }
  }

  busy_world& world_;
  std::minstd_rand random_;
  std::vector<value> keys_;
  std::vector<std::function<void()>> finish_;
};

/// Functions and validators that fail, and narrow bounds.
void make_difficult(store_config& cfg) {
  cfg.hold_timeout = hold_timeout;
  cfg.max_pending_operations = 20;
  auto throws = [](const value*, std::span<const value>) -> expected<value> {
    throw std::runtime_error("on purpose");
  };
  REQUIRE(cfg.functions.add("throws", throws));
  auto check = [](const proposed_change& x) -> expected<void> {
    if (x.after != nullptr && *x.after == value{"refused"})
      return fail(errc::refused, "on purpose");
    return {};
  };
  cfg.validators.push_back({"picky", value{}, check});
}

/// Commits, and now and then denies it.
class lying_backend : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = backend_wrapper::commit(batch);
    if (++commits_ % 7 == 0)
      for (auto& x : result)
        x = fail(errc::io_error, "denied", true);
    return result;
  }

private:
  int commits_ = 0;
};

} // namespace

TEST_CASE("whatever fails, all is answered, seen once and forgotten") {
  std::set<errc> errors;
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    auto engine = std::make_shared<fault_injecting_backend>(make_memory());
    busy_world world{engine, make_difficult};
    watch_request what;
    what.with_before = what.with_after = true;
    what.buffer = 10'000;
    auto watching = world.ask(what);
    world.run();
    auto watch = watching.take()->watch;
    std::minstd_rand random{seed};
    engine->inject(
      [&random](backend_call call, std::string_view) -> std::optional<error> {
        if (random() % (call == backend_call::commit ? 10 : 30) != 0)
          return std::nullopt;
        return error{errc::io_error, "injected"};
      });
    crowd all{world, seed};
    all.run();
    engine->inject({});
    world.check_idle();
    errors.insert(all.errors.begin(), all.errors.end());
    fetch_events_request fetch;
    fetch.watch = watch;
    fetch.limit = 10'000;
    fetch.wait = 0ms;
    auto seen = world.call(fetch);
    REQUIRE(seen);
    CHECK_FALSE(seen->resync);
    std::map<value, uint64_t> changes;
    std::map<value, std::optional<value>> latest;
    for (auto& x : seen->events) {
      changes[x.key] += x.combined;
      CHECK(x.before == latest[x.key]);
      latest[x.key] = x.after;
    }
    CHECK(changes == all.changes);
    latest.erase("log");
    for (auto& [key, content] : latest)
      CHECK(world.call(get_request{key, {}, value{}})->content
            == content.value_or(value{}));
  }
  // All that may go wrong did.
  CHECK(errors
        == std::set<errc>{errc::function_failed, errc::io_error,
                          errc::overloaded, errc::refused, errc::timeout});
}

TEST_CASE("what is in memory is what the engine holds, whatever that says") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    auto shared = seed % 2 == 0;
    auto engine = std::make_shared<lying_backend>(shared ? make_shared_memory()
                                                         : make_memory());
    busy_world world{engine, make_difficult};
    crowd all{world, seed};
    all.run();
    world.check_idle();
    auto contents = all.contents(world);
    world.close();
    stepper again;
    again.spawn(engine);
    CHECK(all.contents(again) == contents);
  }
}

#endif
