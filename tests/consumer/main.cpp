// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/blocking_client.hpp"
#include "larder/store.hpp"

#include <cstdlib>
#include <iostream>

/// Uses the installed package: all three layers, one engine.
int main() {
  larder::init_actor_types();
  caf::actor_system_config cfg;
  larder::add_actor_types(cfg);
  caf::actor_system sys{cfg};
  auto store = larder::spawn_store(sys, "memory:");
  if (!store) {
    std::cerr << to_string(store.error()) << '\n';
    return EXIT_FAILURE;
  }
  larder::blocking_client db{sys, *store};
  auto written = db.put("answer", 41);
  auto updated = db.update("answer", {}, "inc");
  auto closed = db.close_store();
  auto good = written && updated && updated->after == larder::value{42}
              && closed;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
