// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Checks whether what clients saw of several keys could have happened one
/// transaction at a time, in an order that respects time.

#pragma once

#include "histories.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace larder::test {

/// What all keys hold; 0: nothing.
using world_state = std::vector<int64_t>;

/// A transaction as its client saw it, with the times of a common clock at
/// which it was asked for and answered.
struct transaction_seen {
  uint64_t invoked = 0;
  uint64_t returned = 0;

  /// Keys with what they held before, and with what they hold afterwards.
  std::vector<std::pair<size_t, int64_t>> read;
  std::vector<std::pair<size_t, int64_t>> written;
};

/// The transactions of one client, one after the other.
using transactions_seen = std::vector<transaction_seen>;

/// Searches for such an order; does not try twice what has been tried.
class serializability_checker {
public:
  serializability_checker(const std::vector<transactions_seen>& clients,
                          world_state first)
    : clients_(clients) {
    stack_.emplace_back(position(clients.size()), std::move(first));
  }

  bool run() {
    while (!stack_.empty()) {
      auto now = std::move(stack_.back());
      stack_.pop_back();
      if (!tried_.insert(now).second)
        continue;
      if (is_end(clients_, now.first))
        return true;
      extend(now.first, now.second);
    }
    return false;
  }

private:
  void extend(const position& at, const world_state& state) {
    for_each_next(clients_, at, [&](auto& x, position next) {
      auto fits = std::all_of(x.read.begin(), x.read.end(), [&](auto& seen) {
        return state[seen.first] == seen.second;
      });
      if (!fits)
        return;
      auto after = state;
      for (auto& [key, content] : x.written)
        after[key] = content;
      stack_.emplace_back(std::move(next), std::move(after));
    });
  }

  const std::vector<transactions_seen>& clients_;
  std::vector<std::pair<position, world_state>> stack_;
  std::set<std::pair<position, world_state>> tried_;
};

} // namespace larder::test
