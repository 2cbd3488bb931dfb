// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Checks whether what clients saw of one key could have happened one operation
/// at a time (Herlihy and Wing, "Linearizability", 1990).

#pragma once

#include "histories.hpp"

#include "larder/header.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace larder::test {

/// What a key holds.
struct key_state {
  value content;
  revision rev;

  friend bool operator==(const key_state&, const key_state&) = default;
};

/// One operation as its client saw it, with the times of a common clock at
/// which it was asked for and answered.
struct observation {
  enum class kind { get, put, update, erase, put_if };

  kind type = kind::get;
  uint64_t invoked = 0;
  uint64_t returned = 0;

  /// What a get or update saw.
  std::optional<key_state> before;

  /// Of a put or update: what it left behind.
  key_state after;

  /// Of a put_if: the revision asked for, and whether it was found.
  revision wanted;
  bool succeeded = true;
};

/// The operations of one client, one after the other.
using client_history = std::vector<observation>;

/// Returns whether `op` may have happened in `state`, and if so what it leaves.
inline bool happens(const observation& op, std::optional<key_state>& state) {
  using kind = observation::kind;
  switch (op.type) {
    case kind::get:
      return state == op.before;
    case kind::put:
      state = op.after;
      return true;
    case kind::update: {
      // An update sees the content, not the revision.
      auto content = state ? state->content : value{};
      auto seen = op.before ? op.before->content : value{};
      if (content != seen)
        return false;
      state = op.after;
      return true;
    }
    case kind::erase:
      if (state.has_value() != op.succeeded)
        return false;
      state.reset();
      return true;
    case kind::put_if: {
      auto matches = state && state->rev == op.wanted;
      if (matches && op.succeeded)
        state = op.after;
      return matches == op.succeeded;
    }
  }
  return false;
}

/// Searches an order of all operations that respects time and explains all that
/// was seen. What has been tried, a position in each history with the state
/// that was reached, is not tried again.
class linearizability_checker {
public:
  explicit linearizability_checker(const std::vector<client_history>& clients)
    : clients_(clients) {
    // nop
  }

  bool run() {
    stack_.push_back({std::vector<size_t>(clients_.size()), std::nullopt});
    while (!stack_.empty()) {
      auto [at, state] = std::move(stack_.back());
      stack_.pop_back();
      if (is_end(clients_, at))
        return true;
      if (tried_.emplace(at, state ? state->rev : revision{}).second)
        extend(at, state);
    }
    return false;
  }

private:
  void extend(const position& at, const std::optional<key_state>& state) {
    for_each_next(clients_, at, [&](auto& op, position next) {
      auto next_state = state;
      if (happens(op, next_state))
        stack_.emplace_back(std::move(next), std::move(next_state));
    });
  }

  const std::vector<client_history>& clients_;
  std::vector<std::pair<position, std::optional<key_state>>> stack_;
  std::set<std::pair<position, revision>> tried_;
};

inline bool is_linearizable(const std::vector<client_history>& clients) {
  return linearizability_checker{clients}.run();
}

} // namespace larder::test
