// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A transaction: which keys it is about, and what it does to their states.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/entry.hpp"
#include "larder/internal/operation.hpp"
#include "larder/messages/batches.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace larder::internal {

/// A key that a transaction looks at or changes.
struct transaction_key {
  value key;
  std::string encoded;

  /// The index of its key actor.
  size_t owner = 0;

  knowledge needs = knowledge::existence;

  /// Bytes that the transaction keeps alive for it.
  size_t cost = 0;

  /// Whether its key actor holds it for the transaction.
  bool held = false;

  /// As it was when it was held.
  entry before;

  /// As the transaction leaves it, if `changed`.
  entry after;
  bool changed = false;

  /// How many operations have changed it.
  size_t changes = 0;

  /// The last operation that changed it.
  change_kind kind = change_kind::put;

  /// Whether there is something to commit: what was made and erased in the
  /// same transaction leaves nothing behind.
  bool must_commit() const noexcept {
    return changed && (before.present || after.present);
  }
};

/// How the holds of a transaction end.
enum class verdict : uint8_t {
  unchanged, ///< nothing was committed
  changed,   ///< all changes are durable
  in_doubt,  ///< a commit failed: what the engine holds must be looked up
  again,     ///< another process wrote first: all is done again
};

/// It goes from key actor to key actor; one at a time uses it. Only whether it
/// may still be carried out is decided by all who hold keys for it.
class transaction {
public:
  /// @param key_actors how many there are
  /// @param max_keys how many keys it may be about
  /// @returns `limit_exceeded`, and `invalid_argument` for what is no key
  static expected<std::shared_ptr<transaction>>
  make(transact_request request, size_t key_actors, size_t max_keys);

  /// All its keys, ascending by owner, each once.
  std::span<transaction_key> keys() noexcept {
    return keys_;
  }

  /// Its keys that belong to one key actor.
  std::span<transaction_key> keys_of(size_t owner) noexcept;

  const transact_request& request() const noexcept {
    return request_;
  }

  /// Decides which branch runs, and runs it: fills in `after` and `changed`.
  /// @pre `before` of all keys is known as far as needed
  /// @returns the error of the first condition or operation that fails, with
  ///          its position; then nothing is `changed`
  expected<transact_reply> evaluate(store_context& ctx,
                                    revision_source& revisions);

  /// The index of the key actor that it was asked of.
  size_t home = 0;

  // -- the end ----------------------------------------------------------------

  /// Set by the last key actor, before it tells the others.
  verdict end = verdict::unchanged;

  /// For its home, which answers the request.
  expected<transact_reply> result = fail(errc::internal, "not carried out");

  /// How often it has been begun again before.
  int attempts = 0;

  /// Gives the request up, for another attempt.
  transact_request take_request() noexcept {
    return std::move(request_);
  }

  // -- who decides ------------------------------------------------------------

  /// Claims the transaction for its commit.
  /// @returns false if it has been revoked
  bool begin_commit() noexcept {
    return leave_open(status::committing);
  }

  /// Gives the transaction up, so that its keys may be let go.
  /// @returns false if it is being committed: its keys must be held until it is
  ///          known what became of them
  bool revoke() noexcept {
    return leave_open(status::revoked);
  }

  bool revoked() const noexcept {
    return status_.load() == status::revoked;
  }

  bool committing() const noexcept {
    return status_.load() == status::committing;
  }

private:
  enum class status : uint8_t { open, committing, revoked };

  explicit transaction(transact_request request)
    : request_(std::move(request)) {
    // nop
  }

  bool leave_open(status next) noexcept {
    auto expected_status = status::open;
    return status_.compare_exchange_strong(expected_status, next);
  }

  expected<bool> check_conditions(int64_t now) const;
  expected<transact_result> run(const transact_operation& what,
                                transaction_key& key, const apply_context& ctx);

  transact_request request_;
  std::vector<transaction_key> keys_;

  /// The places in `keys_` of conditions, first and second branch, in order.
  std::vector<size_t> places_;

  std::atomic<status> status_{status::open};
};

} // namespace larder::internal
