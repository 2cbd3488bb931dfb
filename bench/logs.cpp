// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// What appends cost: durable ones that wait for the disk together, and those to
// a long log against those to a short one.

#include "load.hpp"

using namespace larder;
using namespace bench;

namespace {

constexpr size_t rounds = 3;

std::vector<value> entries(size_t n) {
  return std::vector<value>(n, value{std::string(100, 'x')});
}

std::vector<append_request> append_to(const std::string& key) {
  append_request result;
  result.key = key;
  result.entries = entries(1);
  return {result};
}

/// Appends entry by entry; gives the rate.
candidate appends(caf::actor_system& sys, const running_store& store,
                  const std::vector<append_request>& requests, size_t total,
                  size_t in_flight) {
  return [&sys, to = store.handle(), &requests, total, in_flight] {
    return client_rate(sys, to,
                       work<append_request>{&requests, total, in_flight});
  };
}

/// Makes a log of `n` entries.
void fill(running_store& store, const std::string& key, size_t n) {
  constexpr size_t at_once = 1000;
  for (size_t i = 0; i < n; i += at_once)
    need(store.client().append(key, entries(at_once)));
}

void together(caf::actor_system& sys, const std::string& folder) {
  running_store store{sys, "file:" + folder};
  auto requests = append_to("log");
  auto figures = alternate(rounds, {appends(sys, store, requests, 6400, 64),
                                    appends(sys, store, requests, 100, 1)});
  print({"durable append on files, 64 in flight / 1 in flight",
         median_ratio(figures[0], figures[1]),
         "x",
         "at least",
         8,
         {{"per second", median(figures[0])},
          {"compared with", median(figures[1])}}});
}

void long_logs(caf::actor_system& sys) {
  constexpr size_t n = 5120; // entries, 20 segments
  running_store store{sys, "memory:"};
  auto to_long = append_to("long");
  auto to_short = append_to("short");
  fill(store, "long", 1'000'000);
  auto append_to_long = appends(sys, store, to_long, n, 1);
  auto append_to_short = [&] {
    static_cast<void>(need(store.client().erase("short")));
    fill(store, "short", 1000);
    return appends(sys, store, to_short, n, 1)();
  };
  auto figures = alternate(3 * rounds, {append_to_short, append_to_long});
  print({"time of an append, 1,000,000th / 1,000th",
         median_ratio(figures[0], figures[1]),
         "x",
         "at most",
         1.2,
         {{"per second", median(figures[1])},
          {"compared with", median(figures[0])}}});
}

} // namespace

int main(int argc, char** argv) {
  scratch where{argc, argv};
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  together(sys, where.file("store"));
  long_logs(sys);
  return EXIT_SUCCESS;
}
