// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// A million keys and a cache for few of them: the memory that the store takes
// beside the engine's, and whether it slows down on the way.

#include "load.hpp"

#include "larder/key.hpp"
#include "larder/metadata.hpp"

using namespace larder;
using namespace bench;

namespace {

constexpr size_t keys = 1'000'000;
constexpr size_t tenth = keys / 10;
constexpr size_t clients = 4;
constexpr size_t in_flight = 256;
constexpr double mebibyte = 1 << 20;

value key_number(size_t i) {
  return fmt::format("key-{:012}", i);
}

/// Fills the engine without a store, so that its own memory can be told.
void fill(const store_config& config) {
  chain blobs{config.engine->id(), config.chain};
  constexpr size_t batch_size = 1000;
  for (size_t i = 0; i < keys;) {
    std::vector<mutation> batch;
    while (batch.size() < batch_size) {
      metadata meta;
      meta.key = key_number(i++);
      meta.last_write = 1;
      auto encoded = need(encode_key(meta.key));
      auto blob = need(blobs.encode(encoded, meta, std::string(100, 'x')));
      batch.push_back({encoded, std::make_shared<const bytes>(std::move(blob)),
                       precondition::none()});
    }
    for (auto& outcome : config.engine->commit(batch))
      need(std::move(outcome));
  }
}

/// The requests for one tenth of the keys. Made anew for each tenth, so that
/// they do not count as the store's memory.
template <class Request>
std::vector<Request> requests_of_tenth(size_t number, size_t repeat) {
  std::vector<Request> result(tenth);
  for (size_t i = 0; i < tenth; ++i) {
    result[i].key = key_number(number * tenth + i);
    if constexpr (std::is_same_v<Request, put_request>)
      result[i].content = std::string(100, static_cast<char>('a' + repeat));
  }
  return result;
}

/// Goes through all keys once, and tells how fast the tenths were.
template <class Request>
std::vector<double> touch_all(caf::actor_system& sys,
                              const running_store& store, size_t repeat = 0) {
  std::vector<double> result;
  for (size_t i = 0; i < 10; ++i) {
    auto requests = requests_of_tenth<Request>(i, repeat);
    result.push_back(client_rate(
      sys, store.handle(), work<Request>{&requests, tenth / clients, in_flight},
      clients));
  }
  return result;
}

void report(const std::string& what, const std::vector<double>& rates,
            double resident) {
  print({what + " of a million keys: memory beside the engine's",
         resident / mebibyte, "MiB", "at most", 128});
  print({what + " of a million keys: last tenth / first tenth",
         rates.back() / rates.front(),
         "x",
         "at least",
         0.8,
         {{"per second", rates}}});
}

} // namespace

int main() {
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  auto config = need(open_store("memory:"));
  config.cache_size = size_t{64} << 20;
  fill(config);
  auto engine_alone = static_cast<double>(memory("VmRSS"));
  auto beside
    = [&] { return static_cast<double>(memory("VmRSS")) - engine_alone; };
  running_store store{sys, std::move(config)};
  auto gets = touch_all<get_request>(sys, store);
  report("get", gets, beside());
  auto puts = touch_all<put_request>(sys, store, 1);
  report("put", puts, beside());
  return EXIT_SUCCESS;
}
