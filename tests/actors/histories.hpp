// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The order of time among what several clients have done at the same time.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace larder::test {

/// How many operations of each client have been put into order.
using position = std::vector<size_t>;

template <class History>
bool is_end(const std::vector<History>& clients, const position& at) {
  for (size_t i = 0; i < at.size(); ++i)
    if (at[i] < clients[i].size())
      return false;
  return true;
}

/// Calls `f(operation, position behind it)` for each operation that may come
/// next: nothing may go before what had returned before it began.
template <class History, class F>
void for_each_next(const std::vector<History>& clients, const position& at,
                   F f) {
  auto bound = std::numeric_limits<uint64_t>::max();
  for (size_t i = 0; i < at.size(); ++i)
    if (at[i] < clients[i].size())
      bound = std::min(bound, clients[i][at[i]].returned);
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i] == clients[i].size() || clients[i][at[i]].invoked > bound)
      continue;
    auto next = at;
    ++next[i];
    f(clients[i][at[i]], std::move(next));
  }
}

} // namespace larder::test
