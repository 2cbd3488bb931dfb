// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// One page of a sweep on its way: listed, judged, erased.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/functions.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/keep_set.hpp"
#include "larder/internal/pace.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

namespace larder::internal {

/// What all pages of a sweep have in common.
struct sweep_plan {
  sweep_plan(caf::event_based_actor* owner, context_ptr context)
    : self(owner), ctx(std::move(context)), keep(ctx->config().max_keep_bytes) {
    // nop
  }

  /// Lowers the cutoff as far as the clock and the open publications ask for.
  void lower_cutoff(std::optional<int64_t> oldest_publication);

  caf::event_based_actor* self;
  context_ptr ctx;
  caf::actor reader;
  caf::actor publications;
  std::vector<caf::actor> key_actors;
  const named_function* predicate = nullptr;
  std::vector<value> arguments;
  bool dry_run = false;
  int64_t cutoff = 0;
  keep_set keep;
  pace speed;
};

/// Owned by the actor of the sweep until it is done.
class sweep_page {
public:
  using done_fn = std::function<void(expected<sweep_page_reply>)>;

  /// @param done is called once, and may destroy the page
  sweep_page(sweep_plan& plan, done_fn done);

  void start(std::string after, uint64_t limit);

private:
  /// A key that is not kept and old enough.
  struct candidate {
    value key;
    std::string encoded;
    metadata meta;
    bool doomed = false;
    bool deleted = false;
    int attempts = 0;
  };

  void listed(list_keys_reply& reply);
  void judge(key_entry& item);
  void ask_predicate();
  std::vector<size_t> next_to_read();
  void read_for_predicate(std::vector<size_t> indexes);
  void decide(candidate& x, const read_outcome& blob);
  void decide(candidate& x, const value& shown);
  void erase();
  void erase(candidate& x);
  void erased(candidate& x, bool existed);
  void not_erased(candidate& x, error why);
  void one_less();
  void leave(candidate& x, error why);
  void finish();
  void finish(error why);

  sweep_plan& plan_;
  done_fn done_;
  std::vector<candidate> candidates_;
  size_t judged_ = 0;    ///< candidates that the predicate has seen
  size_t next_ = 0;      ///< the next candidate to erase
  size_t sent_ = 0;      ///< erases that were sent together
  size_t under_way_ = 0; ///< of these, those that have not been answered
  std::chrono::steady_clock::time_point start_; ///< when they were sent
  std::vector<key_entry> entries_;
  sweep_page_reply reply_;
};

} // namespace larder::internal
