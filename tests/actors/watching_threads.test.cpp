// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Watching stores on real threads, and from other actor systems.

#include "engines.hpp"
#include "remote_fixture.hpp"
#include "threads.hpp"

#include "larder/watcher.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <set>

using namespace larder;
using namespace larder::remote_test;
using namespace larder::test;
using namespace std::chrono_literals;

namespace {

watch_request on_prefix(std::string prefix) {
  watch_request result;
  result.scope = watch_scope::prefix;
  result.key = std::move(prefix);
  return result;
}

/// What an actor with a watcher has been told. Threads wait for it.
class log_of_events {
public:
  void begun() {
    std::lock_guard guard{mutex_};
    ++begun_;
    changed_.notify_all();
  }

  void add(const fetch_events_reply& reply) {
    std::lock_guard guard{mutex_};
    resyncs_ += reply.resync ? 1 : 0;
    events_.insert(events_.end(), reply.events.begin(), reply.events.end());
    changed_.notify_all();
  }

  void end(const error& why) {
    std::lock_guard guard{mutex_};
    end_ = why;
    changed_.notify_all();
  }

  /// Waits until `f(*this)` holds, for a minute at most.
  template <class F>
  bool await(F f) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, 1min, [&] { return f(*this); });
  }

  size_t begun_ = 0;
  size_t resyncs_ = 0;
  std::vector<change_event> events_;
  std::optional<error> end_;

private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Has a watcher.
class watching_actor : public caf::event_based_actor {
public:
  watching_actor(caf::actor_config& cfg, caf::actor store, watch_request what,
                 log_of_events* log)
    : caf::event_based_actor(cfg),
      store_(std::move(store)),
      what_(std::move(what)),
      log_(log) {
    // nop
  }

  caf::behavior make_behavior() override {
    watch_handlers handlers;
    handlers.begun = [this] { log_->begun(); };
    handlers.changed = [this](fetch_events_reply& x) { log_->add(x); };
    handlers.ended = [this](const error& x) { log_->end(x); };
    watcher_options options;
    options.first_pause = 1ms;
    options.last_pause = 20ms;
    watcher_.emplace(this, std::exchange(store_, nullptr), what_,
                     std::move(handlers), options);
    return {[](int) {}};
  }

  void on_exit() override {
    watcher_.reset();
  }

private:
  caf::actor store_;
  watch_request what_;
  log_of_events* log_;
  std::optional<watcher> watcher_;
};

/// Ends its actor.
struct scoped_watching {
  scoped_watching(caf::actor_system& sys, const caf::actor& store,
                  watch_request what = {})
    : hdl(sys.spawn<watching_actor>(store, std::move(what), &log)) {
    // nop
  }

  ~scoped_watching() {
    std::promise<void> gone;
    hdl->attach_functor([&gone] { gone.set_value(); });
    caf::anon_send_exit(hdl, caf::exit_reason::user_shutdown);
    hdl = nullptr;
    gone.get_future().wait();
  }

  log_of_events log;
  caf::actor hdl;
};

int64_t watchers_of(blocking_client& client) {
  return statistic(client, "watching", "watchers");
}

} // namespace

// -- writers and a watcher at the same time -----------------------------------

TEST_CASE("watchers look again when a change made at once is in doubt") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  REQUIRE(engine->caps().nonblocking);
  threaded_world world;
  auto config = *open_store("memory:");
  config.engine = engine;
  blocking_client client{world.system(), world.spawn(std::move(config))};
  REQUIRE(client.put("k", 1));
  auto watch = client.watch({});
  REQUIRE(watch);
  engine->inject([](backend_call call, std::string_view) {
    std::optional<error> result;
    if (call == backend_call::commit)
      result = error{errc::io_error, "injected", true};
    return result;
  });
  CHECK_FALSE(client.put("k", 2));
  auto reply = client.next_events(watch->watch);
  REQUIRE(reply);
  CHECK(reply->resync);
  CHECK(reply->events.empty());
}

TEST_CASE("a watcher sees exactly the commits that writers were answered") {
  constexpr auto writers = 4;
  constexpr auto changes = 300;
  auto on_files = GENERATE(false, true);
  temp_dir dir;
  auto uri = on_files ? "file:" + (dir / "store") + "?sync=off"
                      : std::string{"memory:"};
  threaded_world world;
  auto store = world.spawn(uri);
  blocking_client client{world.system(), store, patient()};
  watch_request everything;
  everything.with_after = true;
  everything.buffer = 1'000'000;
  auto watch = client.watch(everything);
  REQUIRE(watch);
  // Events of different keys need not come in the order of the answers.
  auto fetched = std::async(std::launch::async, [&] {
    std::vector<change_event> result;
    uint64_t combined = 0;
    while (combined < writers * changes) {
      auto reply = client.next_events(watch->watch, 10min);
      if (!reply || reply->resync)
        break;
      for (auto& event : reply->events)
        combined += event.combined;
      result.insert(result.end(), reply->events.begin(), reply->events.end());
    }
    return result;
  });
  // What each key's revisions were, as the writers know it.
  std::vector<std::map<value, std::map<int64_t, revision>>> answered(writers);
  in_threads(writers, [&](size_t i) {
    std::vector<std::pair<value, std::future<expected<update_reply>>>> calls;
    for (auto n = 0; n < changes; ++n) {
      value key = "k" + std::to_string(n % 5);
      calls.emplace_back(key, client.async(update_request{
                                key, {}, "inc", {}, std::nullopt, {}}));
    }
    for (auto& [key, call] : calls) {
      auto reply = call.get();
      if (reply)
        answered[i][key].emplace(reply->after.as_integer(), reply->rev);
    }
  });
  auto events = fetched.get();
  uint64_t total = 0;
  std::map<value, int64_t> last;
  for (auto& event : events) {
    CHECK(event.kind == change_kind::update);
    total += event.combined;
    // Counters tell which changes a commit has combined: no gap, no repetition.
    auto& n = last[event.key];
    REQUIRE(event.after);
    CHECK(event.after->as_integer()
          == n + static_cast<int64_t>(event.combined));
    n = event.after->as_integer();
    auto known
      = std::count_if(answered.begin(), answered.end(), [&](auto& of_writer) {
          auto& revisions = of_writer[event.key];
          auto i = revisions.find(n);
          return i != revisions.end() && i->second == event.rev;
        });
    CHECK(known == 1);
  }
  CHECK(total == writers * changes);
  CHECK(client.next_events(watch->watch, 1ms)->events.empty());
  for (auto& [key, n] : last)
    CHECK(client.get(key) == value{n});
}

TEST_CASE("a blocking client watches, fetches and ends its watches") {
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client observer{world.system(), store};
  {
    blocking_client client{world.system(), store};
    auto first = client.watch({});
    REQUIRE(first);
    REQUIRE(client.watch(on_prefix("a")));
    CHECK(watchers_of(observer) == 2);
    auto rev = client.put("k", 1);
    auto reply = client.next_events(first->watch, 1min, first->position);
    REQUIRE(reply);
    REQUIRE(reply->events.size() == 1);
    CHECK(reply->events[0].rev == *rev);
    CHECK(client.next_events(first->watch, 1ms)->events.empty());
    CHECK(client.unwatch(first->watch) == true);
    CHECK(client.unwatch(first->watch) == false);
    CHECK(client.next_events(first->watch).error() == errc::not_found);
  }
  while (watchers_of(observer) != 0)
    std::this_thread::yield();
}

// -- the watcher of an actor --------------------------------------------------

TEST_CASE("an actor is told of changes, until it ends") {
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client client{world.system(), store};
  {
    scoped_watching x{world.system(), store, on_prefix("user/")};
    REQUIRE(x.log.await([](auto& log) { return log.begun_ == 1; }));
    REQUIRE(client.put("other", 1));
    REQUIRE(client.put("user/1", 1));
    auto last = client.put("user/1", 2);
    REQUIRE(x.log.await([](auto& log) { return log.events_.size() == 2; }));
    CHECK(x.log.events_[0].key == value{"user/1"});
    CHECK(x.log.events_[1].rev == *last);
    CHECK(x.log.resyncs_ == 0);
  }
  while (watchers_of(client) != 0)
    std::this_thread::yield();
}

TEST_CASE("an actor is told that its watch has ended with the store") {
  threaded_world world;
  auto store = world.spawn("memory:");
  scoped_watching x{world.system(), store};
  REQUIRE(x.log.await([](auto& log) { return log.begun_ == 1; }));
  world.close();
  REQUIRE(x.log.await([](auto& log) { return log.end_.has_value(); }));
  CHECK(*x.log.end_ == errc::closed);
}

TEST_CASE("an actor is told why it cannot watch") {
  threaded_world world;
  auto store = world.spawn("memory:");
  auto wrong = on_prefix("");
  wrong.key = 7;
  scoped_watching x{world.system(), store, wrong};
  REQUIRE(x.log.await([](auto& log) { return log.end_.has_value(); }));
  CHECK(*x.log.end_ == errc::invalid_argument);
  CHECK(x.log.begun_ == 0);
}

// -- from another process -----------------------------------------------------

TEST_CASE("events cross the network, with their values") {
  peer server;
  auto store = server.own(*spawn_store(server.system(), "memory:"));
  auto served = server.serve(store);
  peer other;
  blocking_client client{other.system(), other.connect(served.port)};
  auto req = on_prefix("user/");
  req.with_before = true;
  req.with_after = true;
  auto watch = client.watch(req);
  REQUIRE(watch);
  REQUIRE(client.put("user/1", value::map({{"n", 1}})));
  auto updated = client.update("user/1", {"n"}, "inc");
  REQUIRE(updated);
  std::vector<change_event> events;
  while (events.size() < 2) {
    auto reply = client.next_events(watch->watch);
    REQUIRE(reply);
    events.insert(events.end(), reply->events.begin(), reply->events.end());
  }
  CHECK(events[1].kind == change_kind::update);
  CHECK(events[1].rev == updated->rev);
  CHECK(events[1].before == value::map({{"n", 1}}));
  CHECK(events[1].after == value::map({{"n", 2}}));
  CHECK(client.unwatch(watch->watch) == true);
}

TEST_CASE("the watches of a connection end with it") {
  peer server;
  auto store = server.own(*spawn_store(server.system(), "memory:"));
  auto served = server.serve(store);
  blocking_client local{server.system(), store};
  auto away = std::make_unique<peer>();
  {
    blocking_client client{away->system(), away->connect(served.port)};
    REQUIRE(client.watch({}));
    REQUIRE(client.watch(on_prefix("a")));
    CHECK(watchers_of(local) == 2);
  }
  away.reset();
  while (watchers_of(local) != 0)
    std::this_thread::yield();
}

TEST_CASE("a watcher goes on when its store is served again") {
  peer server;
  auto store = server.own(*spawn_store(server.system(), "memory:"));
  blocking_client local{server.system(), store};
  serve_options options;
  options.security = plain_text;
  auto served = serve(server.system(), store, options);
  REQUIRE(served);
  options.port = served->port;
  peer other;
  scoped_watching x{other.system(), other.connect(served->port)};
  REQUIRE(x.log.await([](auto& log) { return log.begun_ == 1; }));
  REQUIRE(local.put("k", 1));
  REQUIRE(x.log.await([](auto& log) { return log.events_.size() == 1; }));
  stop_serving(*served);
  for (auto i = 2; i <= 5; ++i)
    REQUIRE(local.put("k", i));
  served = serve(server.system(), store, options);
  REQUIRE(served);
  // The same store remembers what happened meanwhile.
  REQUIRE(x.log.await([](auto& log) { return log.events_.size() == 5; }));
  CHECK(x.log.resyncs_ == 0);
  std::set<revision> revisions;
  for (auto& event : x.log.events_)
    CHECK(revisions.insert(event.rev).second);
  SECTION("and another store says that it knows nothing") {
    auto next = server.own(*spawn_store(server.system(), "memory:"));
    blocking_client to_next{server.system(), next};
    stop_serving(*served);
    served = serve(server.system(), next, options);
    REQUIRE(served);
    REQUIRE(x.log.await([](auto& log) { return log.resyncs_ == 1; }));
    auto last = to_next.put("new", 1);
    REQUIRE(x.log.await([](auto& log) { return log.events_.size() == 6; }));
    CHECK(x.log.events_.back().rev == *last);
    CHECK(x.log.begun_ == 1);
  }
  stop_serving(*served);
}
