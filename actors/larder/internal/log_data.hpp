// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How append logs are stored (docs/format.md): a head under the log's key with
/// the newest entries, older entries in segments under hidden keys.

#pragma once

#include "larder/detail/hidden_key.hpp"
#include "larder/error.hpp"
#include "larder/header.hpp"
#include "larder/uuid.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::internal {

// -- parts of a log -----------------------------------------------------------

/// Entries that are stored together. Never changed, except that a truncation
/// takes away the first ones.
struct log_segment {
  /// The position of the first entry.
  uint64_t from = 0;
  std::vector<value> entries;

  uint64_t end() const noexcept {
    return from + entries.size();
  }

  value to_value() const;

  /// @returns `corruption` if it is no segment
  static expected<log_segment> from_value(const value& x);
};

/// A segment and its place: segments are numbered from 0 without gaps.
struct numbered_segment {
  uint64_t number = 0;
  log_segment content;
};

/// The content of a log's key.
struct log_head {
  /// Random, so that nothing of an erased log comes back in a new one.
  uuid id;
  /// The positions of the first entry and of the next one.
  uint64_t begin = 0;
  uint64_t end = 0;
  /// The numbers of the first segment and of the next one.
  uint64_t first = 0;
  uint64_t next = 0;
  /// The newest entries, which are in no segment yet.
  std::vector<value> tail;

  /// The position of the first entry in the tail.
  uint64_t tail_begin() const noexcept {
    return end - tail.size();
  }

  value to_value() const;

  /// @returns `corruption` if it contradicts itself, `unsupported` for a log of
  ///          konserve's
  static expected<log_head> from_value(const value& x);
};

/// Segments that nobody needs any more. A record of them, of which only the key
/// counts, is in the engine until they are gone.
struct log_garbage {
  uuid id;
  /// The first segment to go and the first to stay.
  uint64_t first = 0;
  uint64_t next = 0;

  friend bool operator==(const log_garbage&, const log_garbage&) = default;
};

// -- hidden keys --------------------------------------------------------------

using detail::segment_key;

/// The hidden key of a garbage record.
std::string garbage_key(const log_garbage& x);

/// The inverse of `garbage_key`; nothing for other keys.
std::optional<log_garbage> parse_garbage_key(std::string_view encoded);

// -- copies -------------------------------------------------------------------

/// The revision of a copy of a log, by which it is known to be one. It is not
/// that of the original: the same revision stands for the same segments, too.
/// @param original the revision of the log that was copied
/// @param log the id of the copy, which is random
revision copied_log_revision(const revision& original, const uuid& log);

// -- changes ------------------------------------------------------------------

/// A tail that reaches one of these (entries; bytes as kept in memory) becomes
/// a segment, so that a head is never much larger.
constexpr size_t max_tail_entries = 256;
constexpr size_t max_tail_bytes = size_t{32} << 10;

/// Adds entries to the tail.
/// @param seal whether a long tail becomes segments
/// @returns the segments that are to be stored with the head
std::vector<numbered_segment>
add_entries(log_head& head, std::span<const value> entries, bool seal);

/// Removes the entries before `position`.
/// @param at the segment that holds `position`; null if that is in the tail or
///           at the end
/// @pre `begin <= position && position <= end`
/// @returns the segment that is to be stored again, shorter; those between the
///          old and the new `first` are garbage
std::optional<numbered_segment> remove_before(log_head& head, uint64_t position,
                                              const numbered_segment* at);

} // namespace larder::internal
