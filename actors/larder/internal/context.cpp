// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/context.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace larder::internal {

namespace {

/// Bytes of events that may be on their way to the hub of watches.
constexpr size_t max_backlog = size_t{64} << 20;

int64_t wall_clock() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

store_config complete(store_config cfg) {
  if (!cfg.clock)
    cfg.clock = wall_clock;
  if (cfg.key_actors == 0)
    cfg.key_actors = 2 * std::max(std::thread::hardware_concurrency(), 1U);
  cfg.readers = std::max(cfg.readers, size_t{1});
  cfg.chain.plain_binaries = cfg.engine->caps().plain_blobs;
  return cfg;
}

} // namespace

store_context::store_context(store_config cfg)
  : config_(complete(std::move(cfg))),
    engine_(std::move(config_.engine)),
    chain_(engine_->id(), config_.chain),
    caps_(engine_->caps()),
    name_(engine_->name()),
    journal_(config_.log, config_.log_keys),
    slow_after_(static_cast<uint64_t>(config_.slow_operation.count())),
    statistics_(config_.key_actors + config_.readers + 2),
    backlog_(max_backlog),
    changes_(config_.key_actors) {
  // nop
}

int64_t store_context::stamp() {
  auto now = config_.clock();
  auto last = last_stamp_.load(std::memory_order_relaxed);
  while (last < now
         && !last_stamp_.compare_exchange_weak(last, now,
                                               std::memory_order_relaxed)) {
    // nop
  }
  return std::max(last, now);
}

} // namespace larder::internal
