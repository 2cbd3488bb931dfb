// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Metadata without the value: does it cost more when the value is large?

#include "load.hpp"

using namespace larder;
using namespace bench;

namespace {

constexpr size_t rounds = 7;
constexpr size_t reads = 2000;

/// A value of about `size` bytes: a vector of strings of 1 KiB, none the same.
value content_of(size_t size) {
  constexpr size_t piece = 1024;
  if (size < piece)
    return std::string(size, 'x');
  std::vector<value> items;
  for (size_t i = 0; i < size / piece; ++i)
    items.emplace_back(fmt::format("{:>{}}", i, piece - 3));
  return value::vector(std::move(items));
}

} // namespace

int main(int argc, char** argv) {
  scratch where{argc, argv};
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  // Without cache: each request reads from the disk (or its page cache).
  auto config = need(open_store("file:" + where.file("store")));
  config.cache_size = 0;
  running_store store{sys, std::move(config)};
  auto& client = store.client();
  need(client.put("small", content_of(100)));
  need(client.put("large", content_of(100'000'000)));
  auto measure = [&client](value key) {
    return [&client, key] {
      stopwatch watch;
      for (size_t i = 0; i < reads; ++i)
        need(client.meta(key));
      return watch.seconds() / reads * 1e6;
    };
  };
  auto figures = alternate(rounds, {measure("large"), measure("small")});
  print({"metadata of a value of 100 MB / of 100 B",
         median_ratio(figures[0], figures[1]),
         "x",
         "at most",
         1.5,
         {{"microseconds", median(figures[0])},
          {"compared with", median(figures[1])}}});
  return EXIT_SUCCESS;
}
