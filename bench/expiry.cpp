// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// A million keys with a time to live: what writers notice of their collection.

#include "load.hpp"

#include "larder/key.hpp"
#include "larder/metadata.hpp"

#include <atomic>
#include <thread>

using namespace larder;
using namespace bench;

namespace {

constexpr size_t keys = 1'000'000;
constexpr size_t requests_per_round = 200'000;
constexpr size_t in_flight = 256;

/// Puts keys that have expired into the engine, past the store.
void fill(backend& engine, const chain& blobs) {
  constexpr size_t batch_size = 1000;
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

} // namespace

int main() {
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  std::vector<put_request> requests(10'000);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].key = fmt::format("key-{}", i);
    requests[i].content = std::string(100, 'x');
  }
  auto config = need(open_store("memory:"));
  auto engine = config.engine;
  chain blobs{engine->id(), config.chain};
  fill(*engine, blobs);
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
  while (expired_so_far(store.client()) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  stopwatch watch;
  auto busy = writes();
  auto meanwhile = expired_so_far(store.client());
  while (expired_so_far(store.client()) < keys)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
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
  return EXIT_SUCCESS;
}
