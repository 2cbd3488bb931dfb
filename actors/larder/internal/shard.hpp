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
#include <string>
#include <unordered_map>
#include <vector>

namespace larder::internal {

/// What a shard wants from the engine. The answers come back through
/// `shard::loaded` and `shard::committed`.
struct engine_work {
  std::vector<read_request> loads;
  std::vector<value> load_keys;
  std::vector<mutation> commits;
  std::vector<value> commit_keys;

  bool empty() const noexcept {
    return loads.empty() && commits.empty();
  }
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

  /// Takes the outcome of a load.
  void loaded(const value& key, read_outcome outcome);

  /// Takes the outcome of a commit.
  void committed(const value& key, commit_outcome outcome);

  /// Hands over what has to be done since the last call.
  engine_work take_work();

  bool has_work() const noexcept {
    return !work_.empty();
  }

  /// Whether nothing is under way.
  bool idle() const noexcept {
    return slots_.empty();
  }

private:
  struct queued;
  struct slot;

  slot& make_slot(const value& key);
  void advance(slot& s);
  bool apply_next(slot& s);
  bool outdated(const slot& s) const;
  void recheck(slot& s);
  void start_load(slot& s, knowledge needs);
  void request_load(slot& s, knowledge needs, read_request req);
  void start_commit(slot& s);
  expected<mutation> make_mutation(slot& s);
  void complete_commit(slot& s);
  void commit_failed(slot& s, const error& err);
  void retry(slot& s);
  void retire(const value& key);
  void finish(operation_ptr op);
  void finish(operation_ptr op, const error& err);
  apply_context context_of(const slot& s);
  expected<void> decode(slot& s, const blob_view& blob, bool& needs_more);
  revision mint();

  context_ptr ctx_;
  actor_statistics& stats_;
  entry_cache cache_;
  std::unordered_map<value, std::unique_ptr<slot>> slots_;
  engine_work work_;
  revision next_revision_;
  size_t pending_operations_ = 0;
  size_t pending_bytes_ = 0;
};

} // namespace larder::internal
