// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/cache.hpp"

namespace larder::internal {

const entry* entry_cache::find(const value& key) {
  auto i = items_.find(key);
  if (i == items_.end())
    return nullptr;
  auto& order = items_.get<1>();
  order.relocate(order.begin(), items_.project<1>(i));
  return &i->content;
}

void entry_cache::put(const value& key, entry x) {
  // Two allocations of the containers are part of the price of an entry.
  constexpr size_t overhead = 128;
  auto cost = x.footprint() + key.footprint() + overhead;
  if (cost > max_bytes_ / 8) {
    erase(key);
    return;
  }
  auto& order = items_.get<1>();
  if (auto i = items_.find(key); i != items_.end()) {
    bytes_ += cost - i->cost;
    items_.modify(i, [&](item& old) {
      old.content = std::move(x);
      old.cost = cost;
    });
    order.relocate(order.begin(), items_.project<1>(i));
  } else {
    order.push_front(item{key, std::move(x), cost});
    bytes_ += cost;
  }
  while (bytes_ > max_bytes_) {
    bytes_ -= order.back().cost;
    order.pop_back();
    stats_.cache_evictions.add();
  }
  publish();
}

void entry_cache::erase(const value& key) {
  auto i = items_.find(key);
  if (i == items_.end())
    return;
  bytes_ -= i->cost;
  items_.erase(i);
  publish();
}

void entry_cache::publish() {
  stats_.cache_bytes.set(bytes_);
}

} // namespace larder::internal
