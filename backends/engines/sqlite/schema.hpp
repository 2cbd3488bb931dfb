// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The tables of a store; docs/sqlite-engine.md is the specification.

#pragma once

#include "connection.hpp"

namespace larder::detail::sqlite {

/// "lard" in ASCII: what makes a database a store.
constexpr int64_t application_id = 0x6C617264;

/// Kept in `user_version`.
constexpr int64_t format = 1;

/// Greatest size of a key.
constexpr uint64_t max_key_size = uint64_t{1} << 20;

/// Greatest size of a blob.
constexpr uint64_t max_blob_size = uint64_t{1} << 40;

/// Greatest size of a staged blob's prefix: it is kept in one row.
constexpr uint64_t max_prefix_size = uint64_t{1} << 29;

/// Blobs up to this size are in their row, larger ones in chunks.
constexpr uint64_t max_inline_size = uint64_t{256} << 10;

/// Size of each chunk of a blob but the last.
constexpr uint64_t chunk_size = uint64_t{64} << 10;

/// Chunk n of a blob is in row `first_chunk + n`. Each series of chunks begins
/// at a multiple of this number.
constexpr int64_t max_chunks = int64_t{1} << 31;

/// Owner of chunks that nobody will need again.
constexpr int64_t no_owner = 0;

/// Makes all tables of an empty database, but not the identity.
extern const char* const create_tables;

/// The text of a kept statement.
const char* statement_text(sql which) noexcept;

} // namespace larder::detail::sqlite
