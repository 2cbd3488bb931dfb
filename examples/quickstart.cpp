#include "larder/blocking_client.hpp"
#include "larder/store.hpp"
#include "larder/text.hpp"

#include <iostream>

int main() {
  larder::init_actor_types();
  caf::actor_system_config cfg;
  larder::add_actor_types(cfg);
  caf::actor_system sys{cfg};
  auto store = larder::spawn_store(sys, "file:quickstart-data").value();
  larder::blocking_client db{sys, store};
  db.put("user/7", *larder::parse_edn(R"({"name" "Ada" "visits" 41})")).value();
  auto visits = db.update("user/7", {"visits"}, "inc").value();
  std::cout << "visit number " << larder::to_edn(visits.after) << '\n';
  db.put_in("user/7", {"address", "city"}, "London").value();
  std::cout << larder::to_edn(db.get("user/7").value()) << '\n';
  return db.close_store() ? 0 : 1;
}
