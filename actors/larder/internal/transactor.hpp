// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The part of one key actor in transactions.
///
/// A transaction goes through the key actors of its keys in ascending order.
/// Each holds its keys for it: each waits in the slot of its key, first come,
/// first served, and nothing else happens on the key until it is released. All
/// keys of one actor get in line at the same moment, so of two transactions one
/// comes first in every line that both wait in: none waits for the other in a
/// circle. The last actor has all states: it evaluates, commits and tells the
/// others. The one that the request came to, whichever it is, comes last, and
/// answers.
///
/// A hold that has lasted for too long is let go, unless the commit has begun.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/key_actor_parts.hpp"
#include "larder/internal/shard.hpp"
#include "larder/internal/transaction.hpp"

#include <chrono>
#include <memory>
#include <unordered_map>
#include <vector>

namespace larder::internal {

/// Answers the request that a transaction was made of.
class transaction_client {
public:
  virtual ~transaction_client() = default;

  virtual void finish(const transact_request& what,
                      expected<transact_reply> result)
    = 0;
};

/// Owned by a key actor, which sees to the work of its shard after each call.
class transactor {
public:
  /// @param parts outlives the transactor
  explicit transactor(key_actor_parts& parts) : parts_(parts) {
    // nop
  }

  ~transactor();

  /// Begins a transaction that this key actor was asked for.
  void start(transact_request request,
             std::unique_ptr<transaction_client> client);

  /// Takes up a transaction that others hold keys for already.
  void join(const transaction_ptr& what);

  /// Takes note of the end of a transaction.
  void settle(const transaction_ptr& what);

  /// Takes the keys whose turn has come from the shard.
  void take_held();

  bool has_work() const noexcept {
    return parts_.keys->has_held() || !ready_.empty();
  }

  /// Lets go of what has been held for too long.
  void check_holds();

  /// Whether nothing is under way.
  bool idle() const noexcept {
    return holds_.empty() && clients_.empty();
  }

private:
  class hold_operation;

  using clock_type = std::chrono::steady_clock;

  /// The keys of one transaction here.
  struct hold {
    transaction_ptr what;
    std::span<transaction_key> keys;
    /// How many keys are not held yet (and have not failed).
    size_t waiting;
    clock_type::time_point since;
    std::optional<error> failure;
    bool let_go = false;
  };

  void begin(transaction_ptr what, std::unique_ptr<transaction_client> client);
  void pass_to(size_t owner, const transaction_ptr& what);
  void arrived(hold& x);
  void complete(hold& x);
  void decide(const transaction_ptr& what);
  expected<std::vector<mutation>> make_commit(transaction& what);
  void commit_all(const transaction_ptr& what, std::vector<mutation> items);
  void committed(const transaction_ptr& what,
                 std::span<commit_outcome> outcomes);
  void report(transaction& what);
  void conclude(const transaction_ptr& what, verdict end,
                expected<transact_reply> result);
  void release(hold& x);
  void let_go(hold& x);
  void answer(const transaction_ptr& what);
  void keep_time();

  key_actor_parts& parts_;
  std::unordered_map<const transaction*, std::unique_ptr<hold>> holds_;
  /// Of the transactions that this key actor was asked for.
  std::unordered_map<transaction_ptr, std::unique_ptr<transaction_client>>
    clients_;
  /// Holds that have all the keys they will get.
  std::vector<hold*> ready_;
  bool ticking_ = false;
};

} // namespace larder::internal
