// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What requests on append logs do to the state of their key.

#pragma once

#include "larder/chain.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/internal/operation.hpp"
#include "larder/messages/logs.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::internal {

/// The head of the log that a key holds.
/// @returns `not_found`, `wrong_type`, `unsupported`, `corruption`
expected<log_head> open_log(const value& key, const entry& state, int64_t now);

/// As the functions in apply.hpp.
expected<append_reply> apply(const append_request& req, entry& state,
                             const apply_context& ctx, bool& changed);

expected<put_reply> apply(const commit_log& req, entry& state,
                          const apply_context& ctx, bool& changed);

/// A segment of a log.
struct segment_of_log {
  uuid log;
  numbered_segment segment;
};

/// As the functions in apply.hpp.
/// @param at the segment that holds the position, if it has been looked up
/// @returns nothing (and nothing changed) if it must be looked up (again) first
expected<std::optional<truncate_log_reply>>
apply(const truncate_log_request& req, const std::optional<segment_of_log>& at,
      entry& state, const apply_context& ctx, bool& changed);

/// Makes a hidden blob of a log.
/// @param meta `extras` and `expiry` are as they shall be
expected<std::shared_ptr<const bytes>> encode_hidden(const chain& blobs,
                                                     const std::string& key,
                                                     const metadata& meta,
                                                     const value& content);

/// @returns `unsupported` if the engine cannot hold append logs
expected<void> check_takes_logs(const store_context& store);

/// @returns `limit_exceeded` if the engine does not take a blob of that size
expected<void> check_blob_size(const bytes& blob, const store_context& store);

/// Empties the state of a key. What has to be written besides the key's blob
/// stays, and if the key held a log, all of that is to go.
/// @returns the errors of the chain; then nothing has changed
expected<void> clear(entry& state, const apply_context& ctx);

/// The segments that are to be collected after the next commit of a key.
std::vector<log_garbage> garbage_of(const entry& state);

} // namespace larder::internal
