// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "environment.hpp"
#include "layout.hpp"

#include "larder/backend.hpp"

namespace larder::detail {

/// What one key of the store holds in a transaction: the start of the blob up
/// to its header's greatest size.
struct lmdb_head {
  std::array<std::byte, header::max_size> data;
  size_t size = 0;

  bytes_view view() const noexcept {
    return {data.data(), size};
  }
};

/// Reads the first bytes of a blob, enough for a header.
int lmdb_read_head(MDB_txn* txn, const lmdb_record& record, lmdb_head& out);

/// Returns how many bytes from the start `part` stands for (not a range).
int lmdb_part_size(MDB_txn* txn, const lmdb_record& record, blob_part part,
                   uint64_t& out);

/// Reads one blob, or part of it, into memory of its own.
read_outcome lmdb_read(const lmdb_environment& env, MDB_txn* txn,
                       const read_request& request);

/// Reads a page.
expected<list_page> lmdb_list(lmdb_environment& env,
                              const list_request& request);
expected<list_page> lmdb_list(const lmdb_environment& env, MDB_txn* txn,
                              const list_request& request);

} // namespace larder::detail
