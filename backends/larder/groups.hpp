// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Groups of mutations, for authors of engines.

#pragma once

#include "larder/backend.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <tuple>
#include <vector>

namespace larder {

/// Calls `f` with the indices of each set of mutations that succeed or fail
/// together: those of a group, or a single one. Single ones come in the order
/// of their keys, which trees like best.
template <class F>
void for_each_group(std::span<const mutation> batch, F f) {
  if (batch.size() == 1) {
    // The everyday case, worth no memory.
    size_t only = 0;
    f(std::span<const size_t>{&only, 1});
    return;
  }
  std::vector<size_t> order(batch.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return std::tie(batch[x].group, batch[x].key)
           < std::tie(batch[y].group, batch[y].key);
  });
  std::span<const size_t> rest{order};
  while (!rest.empty()) {
    auto group = batch[rest.front()].group;
    auto ends = [&](size_t i) { return batch[i].group != group; };
    auto last = group == 0 ? rest.begin() + 1
                           : std::find_if(rest.begin(), rest.end(), ends);
    f(std::span<const size_t>{rest.begin(), last});
    rest = {last, rest.end()};
  }
}

/// Makes sure that all `members` of a group fail if one does.
/// @param failed tells whether the mutation with an index has failed
/// @param refuse is called with the index and the error of each other one
/// @returns whether they fail
template <class Failed, class Refuse>
bool spread_failure(std::span<const size_t> members, Failed failed,
                    Refuse refuse) {
  if (std::none_of(members.begin(), members.end(), failed))
    return false;
  for (auto i : members)
    if (!failed(i))
      refuse(
        i, error{errc::conflict, "another mutation of the same group failed"});
  return true;
}

/// Does so for all groups of a batch.
template <class Failed, class Refuse>
void spread_failures(std::span<const mutation> batch, Failed failed,
                     Refuse refuse) {
  for_each_group(batch, [&](std::span<const size_t> members) {
    spread_failure(members, failed, refuse);
  });
}

} // namespace larder
