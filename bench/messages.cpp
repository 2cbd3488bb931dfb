// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// What a request costs beside the actor hop that it needs anyway: cached gets
// and puts on memory against empty actors that answer the same messages. And
// what requests on several keys cost against those on one.

#include "load.hpp"

using namespace larder;
using namespace bench;

namespace {

constexpr size_t keys = 4096;
constexpr size_t clients = 4;
constexpr size_t in_flight = 256;
constexpr size_t requests_per_client = 25'000;
constexpr size_t rounds = 5;

/// Answers like a key actor, and does nothing else.
class empty_actor : public caf::event_based_actor {
public:
  empty_actor(caf::actor_config& cfg, value content)
    : caf::event_based_actor(cfg), content_(std::move(content)) {
    // nop
  }

  caf::behavior make_behavior() override {
    return {
      [this](const get_request&) -> caf::result<get_reply> {
        return get_reply{content_, {}};
      },
    };
  }

private:
  value content_;
};

value key_number(size_t i) {
  return fmt::format("key-{:012}", i);
}

std::vector<get_request> gets() {
  std::vector<get_request> result(keys);
  for (size_t i = 0; i < keys; ++i)
    result[i].key = key_number(i);
  return result;
}

std::vector<put_request> puts(size_t size) {
  std::vector<put_request> result(keys);
  for (size_t i = 0; i < keys; ++i) {
    result[i].key = key_number(i);
    result[i].content = std::string(size, static_cast<char>('a' + i % 26));
  }
  return result;
}

/// Cached keys per request.
constexpr size_t batch_size = 100;

std::vector<multi_get_request> multi_gets() {
  std::vector<multi_get_request> result(64);
  for (size_t i = 0; i < result.size(); ++i)
    for (size_t j = 0; j < batch_size; ++j)
      result[i].keys.push_back(key_number((i * 61 + j * 37) % keys));
  return result;
}

/// Two puts in one request.
std::vector<transact_request>
transactions(const std::vector<put_request>& puts) {
  std::vector<transact_request> result(keys);
  for (size_t i = 0; i < keys; ++i)
    result[i].then_operations = {puts[i], puts[(i + keys / 2) % keys]};
  return result;
}

template <class Request>
work<Request> work_of(const std::vector<Request>& requests) {
  return {&requests, requests_per_client, in_flight};
}

} // namespace

int main() {
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  auto small_puts = puts(100);
  auto large_puts = puts(size_t{64} << 10);
  auto all_gets = gets();
  auto all_multi_gets = multi_gets();
  auto all_transactions = transactions(small_puts);
  auto open = [&](const std::vector<put_request>& content) {
    auto config = need(open_store("memory:"));
    config.cache_size = size_t{1} << 30;
    auto result = std::make_unique<running_store>(sys, std::move(config));
    auto owners = result->key_actors(sys);
    plain_rate(sys, owners, work<put_request>{&content, keys, in_flight});
    return result;
  };
  auto small = open(small_puts);
  auto large = open(large_puts);
  auto small_owners = small->key_actors(sys);
  auto large_owners = large->key_actors(sys);
  std::vector<caf::actor> empty;
  for (size_t i = 0; i < small_owners.size(); ++i)
    empty.push_back(sys.spawn<empty_actor>(std::string(100, 'x')));
  auto figures = alternate(
    rounds,
    {
      [&] { return plain_rate(sys, empty, work_of(all_gets), clients); },
      [&] { return plain_rate(sys, small_owners, work_of(all_gets), clients); },
      [&] { return plain_rate(sys, large_owners, work_of(all_gets), clients); },
      [&] {
        return client_rate(sys, small->handle(), work_of(all_gets), clients);
      },
      [&] {
        return plain_rate(sys, small_owners, work_of(small_puts), clients);
      },
      [&] {
        return client_rate(sys, small->handle(), work_of(small_puts), clients);
      },
      // In keys per second.
      [&] {
        work<multi_get_request> todo{
          &all_multi_gets, requests_per_client / batch_size, in_flight};
        return batch_size * client_rate(sys, small->handle(), todo, clients);
      },
      // In seconds per two keys.
      [&] {
        work<transact_request> todo{&all_transactions, requests_per_client / 4,
                                    in_flight};
        return 1 / client_rate(sys, small->handle(), todo, clients);
      },
      [&] {
        return 2
               / client_rate(sys, small->handle(), work_of(small_puts),
                             clients);
      },
    });
  auto compare = [&](const char* name, const char* bound, double target,
                     size_t i, size_t j) {
    print({name,
           median_ratio(figures[i], figures[j]),
           "x",
           bound,
           target,
           {{"per second", median(figures[i])},
            {"compared with", median(figures[j])}}});
  };
  compare("cached get of 100 B / empty actor", "at least", 0.8, 1, 0);
  compare("cached get of 100 B through a client / empty actor", "", 0, 3, 0);
  compare("put of 100 B on memory / empty actor", "at least", 0.35, 4, 0);
  compare("put of 100 B on memory through a client / empty actor", "", 0, 5, 0);
  compare("cached get of 64 KiB / of 100 B", "at least", 0.6, 2, 1);
  compare("keys per second, multi_get of 100 / single gets", "at least", 5, 6,
          3);
  compare("two-key transaction on memory / two single puts", "at most", 4, 7,
          8);
  small.reset();
  large.reset();
  return EXIT_SUCCESS;
}
