// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// From keys to the keys that their values refer to.

#pragma once

#include "larder/backend.hpp"
#include "larder/functions.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/keep_set.hpp"
#include "larder/messages.hpp"

#include <deque>
#include <vector>

namespace larder::internal {

/// A walk over everything that can be reached from some keys. It does not read
/// itself: its owner carries out the reads that it asks for.
class marker {
public:
  marker(context_ptr ctx, keep_set& keep);

  /// Adds roots, which begin another walk unless one is under way.
  /// @returns `invalid_argument` if a walk with another function is
  expected<void> start(const mark_request& req);

  /// Keys that are still to be read.
  size_t pending() const noexcept {
    return queue_.size() + reading_.size();
  }

  /// Takes up to `n` keys from the queue.
  /// @returns what to read
  /// @pre all reads asked for before have been taken
  std::vector<read_request> next_reads(size_t n);

  /// Takes the outcomes of the reads, one each.
  expected<void> take(std::vector<read_outcome> outcomes);

  /// What has happened since the last call.
  mark_reply take_report();

private:
  struct visit {
    const std::string* key;
    bool whole; ///< whether a part of the blob was not enough
  };

  expected<void> reach(const value& key);
  expected<void> take(const visit& at, const read_outcome& outcome);
  expected<void> follow(const value& content);

  context_ptr ctx_;
  keep_set& keep_;
  const named_function* function_ = nullptr;
  std::string function_name_;
  std::vector<value> arguments_;
  uint32_t walk_ = 0;
  std::deque<visit> queue_;
  std::vector<visit> reading_;
  mark_reply report_;
};

} // namespace larder::internal
