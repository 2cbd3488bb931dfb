// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <algorithm>
#include <vector>

namespace larder::detail {

/// Sorts what a decoder read as a set or map, and returns whether no two items
/// are equal.
template <class T, class Less>
bool make_ascending(std::vector<T>& xs, Less less) {
  auto not_less = [&](auto& a, auto& b) { return !less(a, b); };
  auto ascend = [&] {
    return std::adjacent_find(xs.begin(), xs.end(), not_less) == xs.end();
  };
  if (ascend())
    return true;
  std::sort(xs.begin(), xs.end(), less);
  return ascend();
}

} // namespace larder::detail
