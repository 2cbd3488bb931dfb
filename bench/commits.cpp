// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// What waiting together for the disk brings: durable puts on files, and one hot
// key, with many requests under way against one.

#include "load.hpp"

using namespace larder;
using namespace bench;

namespace {

constexpr size_t keys = 1024;
constexpr size_t rounds = 3;

std::vector<put_request> puts(size_t first, size_t count) {
  std::vector<put_request> result(count);
  for (size_t i = 0; i < count; ++i) {
    result[i].key = fmt::format("key-{:012}", first + i);
    result[i].content = std::string(100, static_cast<char>('a' + i % 26));
  }
  return result;
}

/// Puts of keys that no put before has had.
candidate put_new_keys(caf::actor_system& sys, const running_store& store,
                       size_t total, size_t in_flight) {
  return [&sys, to = store.handle(), total, in_flight] {
    static size_t next = keys;
    auto requests = puts(std::exchange(next, next + total), total);
    return client_rate(sys, to, work<put_request>{&requests, total, in_flight});
  };
}

std::vector<update_request> increments() {
  update_request inc;
  inc.key = "counter";
  inc.function = "inc";
  return {inc};
}

template <class Request>
candidate run(caf::actor_system& sys, const running_store& store,
              const std::vector<Request>& requests, size_t total,
              size_t in_flight) {
  return [&sys, to = store.handle(), &requests, total, in_flight] {
    return client_rate(sys, to, work<Request>{&requests, total, in_flight});
  };
}

void report(const char* name, double target, const samples& figures) {
  print({name,
         median_ratio(figures[0], figures[1]),
         "x",
         "at least",
         target,
         {{"per second", median(figures[0])},
          {"compared with", median(figures[1])}}});
}

} // namespace

int main(int argc, char** argv) {
  scratch where{argc, argv};
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  running_store store{sys, "file:" + where.file("store")};
  report("durable put of new keys on files, 64 in flight / 1 in flight", 4,
         alternate(rounds, {put_new_keys(sys, store, 1600, 64),
                            put_new_keys(sys, store, 100, 1)}));
  // ext4 looks at every inode that was freed in the last minute before it gives
  // one out, so that replacing files costs more the more have been replaced.
  auto old_keys = puts(0, keys);
  client_rate(sys, store.handle(), work<put_request>{&old_keys, keys, 64});
  report("durable put of old keys on files, 64 in flight / 1 in flight", 0,
         alternate(rounds, {run(sys, store, old_keys, 1600, 64),
                            run(sys, store, old_keys, 100, 1)}));
  auto one_key = increments();
  report("durable inc of one key, 256 in flight / 1 in flight", 50,
         alternate(rounds, {run(sys, store, one_key, 20'000, 256),
                            run(sys, store, one_key, 100, 1)}));
  return EXIT_SUCCESS;
}
