// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Stores on real threads.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/blocking_client.hpp"
#include "larder/store.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace larder::test {

/// For clients that wait as long as it takes: the machine may be slow.
inline client_options patient() {
  client_options result;
  result.deadline = {};
  return result;
}

/// An actor system whose stores are closed at its end.
class threaded_world {
public:
  threaded_world() : sys_(*cfg_.value) {
    // nop
  }

  ~threaded_world() {
    close();
  }

  caf::actor_system& system() {
    return sys_;
  }

  caf::actor spawn(store_config config) {
    auto result = spawn_store(sys_, std::move(config));
    stores_.push_back(result);
    return result;
  }

  caf::actor spawn(std::string_view uri) {
    auto config = open_store(uri);
    if (!config)
      FAIL(to_string(config.error()));
    return spawn(std::move(*config));
  }

  /// Closes all stores and waits for it.
  void close() {
    for (auto& hdl : std::exchange(stores_, {})) {
      blocking_client client{sys_, hdl, patient()};
      CHECK(client.close_store());
    }
  }

private:
  struct config {
    config() {
      init_actor_types();
      value.emplace();
      add_actor_types(*value);
    }

    // CAF 1.x must know the types before it makes one.
    std::optional<caf::actor_system_config> value;
  };

  config cfg_;
  caf::actor_system sys_;
  std::vector<caf::actor> stores_;
};

/// Runs `f(i)` in `n` threads at the same time.
inline void in_threads(size_t n, const std::function<void(size_t)>& f) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < n; ++i)
    threads.emplace_back(f, i);
  for (auto& x : threads)
    x.join();
}

/// A number out of the statistics of a store.
inline int64_t statistic(blocking_client& client, std::string_view group,
                         std::string_view name) {
  auto all = client.statistics();
  REQUIRE(all);
  auto found = get_in(*all, path{value::keyword(group), value::keyword(name)});
  REQUIRE(found);
  return found->as_integer();
}

} // namespace larder::test
