// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading the entries of a log as of one head.

#pragma once

#include "larder/functions.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/messages/logs.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace larder::internal {

/// Reads a segment; nothing if it is not there.
using segment_fetch
  = std::function<expected<std::optional<log_segment>>(uint64_t number)>;

/// Finds the segment that holds a position, in O(log n) reads.
/// @pre `begin <= position && position < tail_begin`
/// @returns `conflict` if it has been removed since the head was read
expected<numbered_segment> find_segment(const log_head& head, uint64_t position,
                                        const segment_fetch& fetch);

/// Goes through the entries in ascending order.
class log_cursor {
public:
  /// @pre `begin <= position && position <= end`
  /// @param number the segment that holds `position`, if it is known
  log_cursor(const log_head& head, uint64_t position, segment_fetch fetch,
             std::optional<uint64_t> number = std::nullopt);

  /// The next entries that are stored together; none at the end of the log.
  /// They are good until the next call.
  /// @returns `conflict` if they have been removed since the head was read
  expected<std::span<const value>> next();

  /// The position behind all entries that `next` has returned.
  uint64_t position() const noexcept {
    return position_;
  }

  /// The segment that holds `position`, if it is known.
  std::optional<uint64_t> number() const noexcept {
    return number_;
  }

private:
  expected<log_segment> load();

  const log_head& head_;
  uint64_t position_;
  segment_fetch fetch_;
  std::optional<uint64_t> number_;
  log_segment current_;
};

/// The position at which a request begins.
/// @returns `out_of_range` past the end
expected<uint64_t> first_position(const read_log_request& req,
                                  const log_head& head);
expected<uint64_t> first_position(const reduce_log_request& req,
                                  const log_head& head);

/// Makes the answer to a read: as many entries as `max_bytes` (as kept in
/// memory) allow, but at least one.
/// @returns `conflict` as above, and the error of `first_position`
expected<read_log_reply> read_page(const log_head& head,
                                   const read_log_request& req,
                                   size_t max_bytes,
                                   const segment_fetch& fetch);

/// A reduction on its way through a log.
struct log_reduction {
  /// The result so far, if there is one.
  std::optional<value> result;
  uint64_t position = 0;
  std::optional<uint64_t> number;
};

/// Takes a reduction a few segments further.
/// @param max_bytes bound on the result, as kept in memory
/// @returns whether it has arrived at the end; `limit_exceeded`, `conflict`,
///          `function_failed` and the errors of the function
expected<bool> reduce_some(const log_head& head, log_reduction& state,
                           const named_function& function,
                           std::span<const value> arguments, size_t max_bytes,
                           const segment_fetch& fetch);

} // namespace larder::internal
