// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Many keys with a time to live: what writers notice of their collection.

#include "load.hpp"

#include "larder/key.hpp"
#include "larder/metadata.hpp"

#include <atomic>
#include <thread>

using namespace larder;
using namespace bench;

namespace {

constexpr size_t requests_per_round = 200'000;
constexpr size_t in_flight = 256;

/// Puts keys that have expired into the engine, past the store.
void fill(const store_config& config, size_t keys) {
  constexpr size_t batch_size = 1000;
  auto& engine = *config.engine;
  chain blobs{engine.id(), config.chain};
  for (size_t i = 0; i < keys;) {
    std::vector<mutation> batch;
    while (batch.size() < batch_size) {
      metadata meta;
      meta.key = fmt::format("expired-{:012}", i++);
      meta.last_write = 1;
      meta.expiry = 2;
      auto encoded = need(encode_key(meta.key));
      auto blob = need(blobs.encode(encoded, meta, 1));
      batch.push_back({encoded, std::make_shared<const bytes>(std::move(blob)),
                       precondition::none()});
    }
    for (auto& outcome : engine.commit(batch))
      need(std::move(outcome));
  }
}

uint64_t expired_so_far(blocking_client& client) {
  auto all = need(client.statistics());
  return static_cast<uint64_t>(
    get_in(all, path{value::keyword("collection"), value::keyword("expired")})
      .value()
      .as_integer());
}

void wait_for(blocking_client& client, size_t expired) {
  while (expired_so_far(client) < expired)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

/// Many puts at a time, on memory.
void measure_rate(caf::actor_system& sys, size_t keys) {
  std::vector<put_request> requests(10'000);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].key = fmt::format("key-{}", i);
    requests[i].content = std::string(100, 'x');
  }
  auto config = need(open_store("memory:"));
  fill(config, keys);
  config.collection_interval = std::chrono::seconds{5};
  running_store store{sys, std::move(config)};
  auto writes = [&] {
    return client_rate(
      sys, store.handle(),
      work<put_request>{&requests, requests_per_round, in_flight}, 1);
  };
  // Before the first round begins, and while it is under way.
  writes();
  auto quiet = writes();
  wait_for(store.client(), 1);
  stopwatch watch;
  auto busy = writes();
  auto meanwhile = expired_so_far(store.client());
  wait_for(store.client(), keys);
  auto seconds = watch.seconds();
  print({"puts while a million keys expire / puts without",
         busy / quiet,
         "x",
         "at least",
         0.25,
         {{"without per second", quiet},
          {"meanwhile per second", busy},
          {"collected meanwhile", meanwhile}}});
  print({"expired keys collected per second",
         static_cast<double>(keys) / seconds,
         "1/s",
         "",
         0,
         {{"seconds", seconds}}});
}

/// How long puts one after the other take, in ms, as long as `on` says.
template <class F>
std::vector<double> put_times(running_store& store, F on) {
  std::vector<double> result;
  while (on(result.size())) {
    stopwatch watch;
    need(store.client().put("key", std::string(100, 'x')));
    result.push_back(watch.seconds() * 1000);
  }
  return result;
}

/// One durable put after the other.
void measure_waits(caf::actor_system& sys, const std::string& name,
                   const std::string& uri, size_t keys) {
  fill(need(open_store(uri + "?sync=off")), keys);
  auto config = need(open_store(uri));
  config.collection_interval = std::chrono::seconds{3};
  running_store store{sys, std::move(config)};
  auto quiet = put_times(store, [](size_t n) { return n < 100; });
  wait_for(store.client(), 1);
  stopwatch watch;
  auto busy = put_times(
    store, [&](size_t) { return expired_so_far(store.client()) < keys; });
  print(
    {fmt::format("{}: longest put while {} keys expire", name, keys),
     *std::max_element(busy.begin(), busy.end()),
     "ms",
     "",
     0,
     {{"median", median(busy)},
      {"median without", median(quiet)},
      {"longest without", *std::max_element(quiet.begin(), quiet.end())},
      {"puts", busy.size()},
      {"collected per second", static_cast<double>(keys) / watch.seconds()}}});
}

} // namespace

int main(int argc, char** argv) {
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  scratch where{argc, argv};
  measure_rate(sys, 1'000'000);
#ifdef LARDER_HAS_LMDB
  measure_waits(sys, "lmdb", "lmdb:" + where.file("lmdb"), 1'000'000);
#endif
  measure_waits(sys, "file", "file:" + where.file("file"), 20'000);
  return EXIT_SUCCESS;
}
