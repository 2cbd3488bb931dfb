// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// What watchers cost writers: the same puts on stores that nobody watches, that
// one watcher sees everything of, and with a thousand watchers on keys of their
// own.

#include "load.hpp"

#include "larder/watcher.hpp"

#include <atomic>
#include <semaphore>

using namespace larder;
using namespace bench;

namespace {

constexpr size_t keys = 4096;
constexpr size_t watchers = 1000;
constexpr size_t clients = 4;

value key_number(size_t i) {
  return fmt::format("key-{:012}", i);
}

std::vector<put_request> puts() {
  std::vector<put_request> result(keys);
  for (size_t i = 0; i < keys; ++i) {
    result[i].key = key_number(i);
    result[i].content = std::string(100, static_cast<char>('a' + i % 26));
  }
  return result;
}

/// Watches and counts, until it is ended.
class watching_actor : public caf::event_based_actor {
public:
  using counter = std::atomic<uint64_t>;

  watching_actor(caf::actor_config& cfg, caf::actor store, watch_request what,
                 counter* seen, std::counting_semaphore<>* begun)
    : caf::event_based_actor(cfg),
      store_(std::move(store)),
      what_(std::move(what)),
      seen_(seen),
      begun_(begun) {
    // nop
  }

  caf::behavior make_behavior() override {
    watch_handlers handlers;
    handlers.begun = [this] { begun_->release(); };
    handlers.changed = [this](const fetch_events_reply& reply) {
      seen_->fetch_add(reply.events.size() + reply.missed);
    };
    watcher_.emplace(this, std::move(store_), what_, std::move(handlers));
    return {[](int) {}};
  }

  void on_exit() override {
    watcher_.reset();
  }

private:
  caf::actor store_;
  watch_request what_;
  counter* seen_;
  std::counting_semaphore<>* begun_;
  std::optional<watcher> watcher_;
};

/// A store with watchers, which end with it.
class watched_store {
public:
  watched_store(caf::actor_system& sys, const std::string& uri,
                const std::vector<watch_request>& watches)
    : store_(sys, uri) {
    std::counting_semaphore<> begun{0};
    for (auto& what : watches)
      actors_.push_back(
        sys.spawn<watching_actor>(store_.handle(), what, &seen_, &begun));
    for (size_t i = 0; i < watches.size(); ++i)
      begun.acquire();
    owners_ = store_.key_actors(sys);
  }

  ~watched_store() {
    for (auto& hdl : actors_)
      detail::anon_send_exit(hdl, caf::exit_reason::user_shutdown);
  }

  double put_rate(caf::actor_system& sys, const work<put_request>& todo) {
    return plain_rate(sys, owners_, todo, clients);
  }

  uint64_t seen() const {
    return seen_;
  }

private:
  std::atomic<uint64_t> seen_{0};
  running_store store_;
  std::vector<caf::actor> actors_;
  std::vector<caf::actor> owners_;
};

void measure(caf::actor_system& sys, const std::string& name,
             const std::function<std::string(int)>& uri,
             const std::vector<put_request>& requests, size_t per_client,
             size_t in_flight, size_t rounds) {
  std::vector<watch_request> distinct(watchers);
  for (size_t i = 0; i < watchers; ++i) {
    distinct[i].scope = watch_scope::key;
    distinct[i].key = key_number(i);
  }
  watched_store none{sys, uri(0), {}};
  watched_store one{sys, uri(1), {watch_request{}}};
  watched_store many{sys, uri(2), distinct};
  work<put_request> todo{&requests, per_client, in_flight};
  auto figures = alternate(rounds, {
                                     [&] { return none.put_rate(sys, todo); },
                                     [&] { return one.put_rate(sys, todo); },
                                     [&] { return many.put_rate(sys, todo); },
                                   });
  auto compare
    = [&](const std::string& with, double target, size_t i, uint64_t seen) {
        print({"puts on " + name + " with " + with + " / without",
               median_ratio(figures[i], figures[0]),
               "x",
               "at least",
               target,
               {{"per second", median(figures[i])},
                {"without", median(figures[0])},
                {"events seen", seen}}});
      };
  compare("a watcher on everything", 0.9, 1, one.seen());
  compare("1000 watchers on keys", 0.85, 2, many.seen());
}

} // namespace

int main(int argc, char** argv) {
  scratch dir{argc, argv};
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  auto requests = puts();
  measure(
    sys, "memory", [](int) { return std::string{"memory:"}; }, requests,
    100'000, 256, 9);
  measure(
    sys, "files", [&](int i) { return "file:" + dir.file(std::to_string(i)); },
    requests, 2'000, 256, 5);
  return EXIT_SUCCESS;
}
