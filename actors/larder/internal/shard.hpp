// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The keys of one key actor: caches, orders, combines.
///
/// While a key waits for the engine it has a `slot`. Operations on it are
/// applied in order to the state in memory; all mutations that arrive while a
/// commit is under way go out together as the next one, and each is answered
/// when its commit is done. A key that is not busy has no slot, only perhaps an
/// entry in the cache.

#pragma once

#include "larder/internal/cache.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/operation.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace larder::internal {

/// What a shard wants from the engine. The answers come back through
/// `shard::loaded` and `shard::committed`.
struct engine_work {
  /// A key, and where in `commits` its mutations are.
  struct committing {
    value key;
    size_t index;
    size_t count;
  };

  std::vector<read_request> loads;
  std::vector<value> load_keys;
  std::vector<mutation> commits;
  std::vector<committing> commit_keys;

  bool empty() const noexcept {
    return loads.empty() && commits.empty();
  }
};

/// A durable change of one key.
struct committed_change {
  const value& key;
  change_kind kind;    ///< of the last operation
  const entry& before; ///< as far as it was known
  const entry& after;
  size_t combined; ///< number of operations that changed the key
};

/// Is told of changes, in the order in which they became durable.
using change_listener = std::function<void(const committed_change&)>;

/// An operation that holds its key, and what the key is.
struct held_key {
  operation* op;
  const std::string* encoded_key;
  const entry* state;
};

/// Used by one actor alone; never blocks.
class shard {
public:
  shard(context_ptr ctx, actor_statistics& stats);

  ~shard();

  /// What the cache can answer at once: the entry of a key that is not busy and
  /// known as far as needed, or null.
  const entry* peek(const value& key, knowledge needs);

  /// Takes an operation, which will be answered sooner or later; at once if
  /// nothing has to be waited for.
  void execute(operation_ptr op);

  /// Makes a change of a key that `peek` has found, without waiting. For
  /// engines that are called in place.
  expected<void> change_at_once(const value& key, const std::string& encoded,
                                const entry& before, entry after,
                                change_kind kind);

  /// What operations on `key` are applied with.
  apply_context context_of(std::string_view encoded_key) {
    return {*ctx_, encoded_key, ctx_->now(), revisions_, bool{listener_}};
  }

  /// Hands over the operations that hold their keys since the last call. The
  /// pointers are good until the key is released.
  std::vector<held_key> take_held();

  /// Ends the hold of a key: it has changed durably to `state`; without one,
  /// what it holds is to be looked up again.
  void release(const value& key, std::optional<entry> state);

  /// Ends the hold of a key that has not changed.
  void release_unchanged(const value& key);

  /// Sets who is told of changes; null: nobody.
  /// @param wants_before tells for which keys the value before a change is
  ///                     wanted; it is loaded then
  /// @param in_doubt is called when it is not known whether a change has become
  ///                 durable
  void listen(change_listener f,
              std::function<bool(const value&)> wants_before = nullptr,
              std::function<void()> in_doubt = nullptr) {
    listener_ = std::move(f);
    wants_before_ = std::move(wants_before);
    in_doubt_ = std::move(in_doubt);
  }

  /// How much of a key must be known to change it, given what the change itself
  /// needs: watchers and validators may see the value before.
  knowledge needs_to_change(const value& key, knowledge needs) const;

  /// Takes the outcome of a load.
  void loaded(const value& key, read_outcome outcome);

  /// Takes the outcomes of the mutations of a commit.
  void committed(const value& key, std::span<commit_outcome> outcomes);

  /// Hands over what has to be done since the last call.
  engine_work take_work();

  bool has_work() const noexcept {
    return !work_.empty();
  }

  bool has_held() const noexcept {
    return !held_.empty();
  }

  /// Whether nothing is under way.
  bool idle() const noexcept {
    return slots_.empty();
  }

private:
  struct queued;
  struct slot;

  expected<slot*> make_slot(const value& key);
  void advance(slot& s);
  bool apply_next(slot& s);
  void hold(slot& s, operation_ptr op);
  knowledge needs_of(const slot& s, const operation& op) const;
  bool outdated(const slot& s) const;
  void recheck(slot& s);
  void start_load(slot& s, knowledge needs);
  void request_load(slot& s, knowledge needs, read_request req);
  void start_commit(slot& s);
  void complete_commit(slot& s);
  void commit_failed(slot& s, const error& err);
  void tell_doubt(const error& err) const;
  void retry(slot& s);
  void retire(const value& key);
  void forget(const operation& op);
  void log_overload();
  void finish(operation_ptr op);
  void finish(operation_ptr op, const error& err);
  expected<void> decode(slot& s, const blob_view& blob, bool& needs_more);

  context_ptr ctx_;
  actor_statistics& stats_;
  entry_cache cache_;
  std::unordered_map<value, std::unique_ptr<slot>> slots_;
  /// Slots that are not in use: making one is what costs.
  std::vector<std::unique_ptr<slot>> spare_slots_;
  std::vector<held_key> held_;
  std::vector<mutation> at_once_; // kept for its memory
  engine_work work_;
  revision_source revisions_;
  change_listener listener_;
  std::function<bool(const value&)> wants_before_;
  std::function<void()> in_doubt_;
  size_t pending_operations_ = 0;
  size_t pending_bytes_ = 0;

  /// Operations refused that the log does not know of, and when (ms since 1970)
  /// it may be told again.
  uint64_t refused_ = 0;
  int64_t next_overload_log_ = 0;
};

} // namespace larder::internal
