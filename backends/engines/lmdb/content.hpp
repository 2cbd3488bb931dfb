// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The bytes of blobs: their start in the record, the rest in chunks. The
/// functions return what LMDB does, MDB_CORRUPTED for chunks that are not as
/// the record says.

#pragma once

#include "layout.hpp"

#include <lmdb.h>

namespace larder::detail {

/// Records up to this size (with the key) stay in the pages of the tree.
constexpr size_t lmdb_max_inline = 2000;

/// Returns how many bytes of a blob to put into the record: all if they are
/// few, otherwise header and metadata.
size_t lmdb_inline_size(size_t key_size, bytes_view blob);

/// Copies `length` bytes of a blob from `offset`, which it must have.
int lmdb_copy(MDB_txn* txn, const lmdb_record& record, uint64_t offset,
              uint64_t length, std::byte* dst);

/// Returns a generation that no chunk has, the greatest of all.
int lmdb_next_generation(MDB_txn* txn, uint64_t& out);

/// Adds `data` as the chunks of a generation from `index` on.
int lmdb_put_chunks(MDB_txn* txn, uint64_t generation, uint32_t index,
                    bytes_view data);

/// Removes all chunks of a generation; 0: nothing.
int lmdb_remove_chunks(MDB_txn* txn, uint64_t generation);

/// Does so with the chunks of a record, which have `size` bytes together. Other
/// ones than these can only have stay: the record is damaged, and they are
/// another's.
int lmdb_remove_chunks(MDB_txn* txn, uint64_t generation, uint64_t size);

} // namespace larder::detail
