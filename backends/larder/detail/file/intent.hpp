// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The record of groups that are being committed; docs/format.md has its bytes.

#pragma once

#include "larder/bytes.hpp"
#include "larder/detail/file/names.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <optional>
#include <string>
#include <vector>

namespace larder::detail {

/// What is to become of one file.
struct intended_change {
  unsigned dir = 0;
  std::string name;
  /// The id in the name of the staging file that takes its place; none: the
  /// file is to be removed.
  std::optional<uuid> staged;

  friend bool operator==(const intended_change&, const intended_change&)
    = default;
};

/// All that one record tells.
using intent = std::vector<intended_change>;

/// Size of the largest record.
constexpr size_t max_intent_size = size_t{64} << 20;

/// Returns the record for the store with `id`.
/// @returns `limit_exceeded` if it takes more than `max_intent_size` bytes
expected<bytes> encode_intent(const uuid& id, const intent& changes);

/// Reads a record. Names that no blob of a store has are refused, so that no
/// record leads out of the store.
/// @returns `corruption`
expected<intent> decode_intent(const uuid& id, bytes_view data);

/// Makes one change in the store in `root`.
/// @returns 0 or the negated errno; -ENOENT if the change is made already
int carry_out(file_ops& ops, const std::string& root,
              const intended_change& change);

} // namespace larder::detail
