// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Removing what logs leave behind.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/log_data.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace larder::internal {

/// The part of a key actor that removes segments of which there is a garbage
/// record, a bounded number in each commit. What fails is found again by a
/// later scan.
class log_collector {
public:
  /// The key actor.
  struct host {
    caf::event_based_actor* self = nullptr;
    context_ptr ctx;
    actor_statistics* stats = nullptr;
    caf::actor writer;
    /// Is called whenever `idle` may have become true.
    std::function<void()> on_idle;
  };

  using done_fn = std::function<void(expected<void>)>;

  explicit log_collector(host x) : host_(std::move(x)) {
    // nop
  }

  ~log_collector();

  /// Removes segments and then the record of them; of a log that was being
  /// restored only if nobody has gone on with it meanwhile.
  void collect(const collect_garbage& what);

  /// Removes all of it and calls `done` in the end.
  /// @pre `all` is not empty
  void collect(const std::vector<log_garbage>& all, done_fn done);

  bool idle() const noexcept {
    return collections_.empty();
  }

private:
  struct collection {
    log_garbage what; ///< what is left of it
    std::vector<done_fn> waiting;
  };

  void take_over(const std::string& record, const revision& lease);
  void collect_some(const std::string& record);
  void finish(const std::string& record, expected<void> result);
  void commit_all(std::vector<mutation> batch, done_fn then);

  host host_;
  /// By the key of the record.
  std::map<std::string, collection> collections_;
};

} // namespace larder::internal
