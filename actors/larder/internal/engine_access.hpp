// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What backend actors (and key actors of an engine that never blocks) do with
/// the engine. All functions block; an exception of an engine becomes an error.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/context.hpp"
#include "larder/messages.hpp"

#include <optional>
#include <span>
#include <vector>

namespace larder::internal {

/// Whether an error says that a blob is not what was written.
bool means_damage(const error& err) noexcept;

/// Counts and logs that the blob of a key is damaged.
void report_damage(store_context& ctx, const value& key, const error& err,
                   actor_statistics& stats);

/// Commits and counts; always one outcome per mutation.
std::vector<commit_outcome>
commit(store_context& ctx, std::span<mutation> items, actor_statistics& stats);

/// Reads and counts; always one outcome per request.
std::vector<read_outcome> read(store_context& ctx,
                               std::span<const read_request> items,
                               actor_statistics& stats);

/// Reads a range of a binary.
expected<read_reply> read_range(store_context& ctx,
                                const read_range_request& req,
                                actor_statistics& stats);

/// Checks everything that is stored for a key.
expected<verify_reply> verify(store_context& ctx, const verify_request& req,
                              actor_statistics& stats);

/// Reads a segment of a log; nothing if it is not there.
expected<std::optional<log_segment>> read_segment(store_context& ctx,
                                                  const uuid& log,
                                                  uint64_t number,
                                                  actor_statistics& stats);

/// Makes one page of the listing.
expected<list_keys_reply> list_keys(store_context& ctx,
                                    const list_keys_request& req,
                                    actor_statistics& stats);

/// Looks for expired keys, and for what logs have left behind, in one page of
/// the listing.
expected<scan_expired_reply> find_expired(store_context& ctx,
                                          const scan_expired& req);

} // namespace larder::internal
