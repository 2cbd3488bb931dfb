// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "engines/rocksdb/database.hpp"
#include "engines/rocksdb/layout.hpp"

#include "larder/backend.hpp"

#include <span>
#include <vector>

namespace larder::detail {

/// Does what `backend::read` promises: all outcomes are of one moment.
std::vector<read_outcome> read_blobs(const rocks_database& db,
                                     std::span<const read_request> requests);

/// The same as of a snapshot.
std::vector<read_outcome> read_blobs(const rocks_database& db,
                                     const rocksdb::Snapshot& snapshot,
                                     std::span<const read_request> requests);

/// Does what `backend::list` promises; a page is of one moment.
/// @param snapshot may be null: the present
expected<list_page> list_blobs(const rocks_database& db,
                               const rocksdb::Snapshot* snapshot,
                               const list_request& request);

/// Where bytes of a blob are.
struct part_bounds {
  uint64_t offset;
  uint64_t size;
};

/// Returns which bytes of a blob `x` asks for. The metadata of a blob whose
/// header is damaged is taken to be empty.
part_bounds bounds_of(const read_request& x, const blob_head& head) noexcept;

/// Looks up the heads of `keys` at one moment.
/// @param out values and statuses, as many as keys
void get_heads(const rocks_database& db, const rocksdb::Snapshot* snapshot,
               std::span<const rocksdb::Slice> keys,
               std::span<rocksdb::PinnableSlice> values,
               std::span<rocksdb::Status> statuses);

} // namespace larder::detail
