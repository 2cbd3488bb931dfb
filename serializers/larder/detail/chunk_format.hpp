// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What writer and reader of chunked values share; docs/format.md specifies it.

#pragma once

#include "larder/detail/segment.hpp"

#include <cstdint>

namespace larder::detail {

/// Size of one chunk in the index: stored size and checksum.
constexpr size_t index_entry_size = 12;

/// Size of what follows the index: plain size, chunk size, number of chunks.
constexpr size_t trailer_size = 16;

/// What a `chunk_reader` fetches at first from each end of a blob: enough for
/// most metadata and indexes.
constexpr uint64_t first_fetch = 4096;

/// The largest chunk size that readers accept.
constexpr uint32_t max_chunk_size = uint32_t{16} << 20;

/// Marks the stored size of a chunk that is not compressed.
constexpr uint32_t raw_chunk = uint32_t{1} << 31;

/// What the chunks of a blob are bound to, with room for the name of one. The
/// size of the value is left out since it is not known before the last chunk.
bytes chunk_binding(const chain& ch, std::string_view key, const header& h);

/// Makes `binding` that of one chunk.
void name_chunk(bytes& binding, uint64_t number, bool last, bool raw);

/// What the index and the trailer are bound to.
bytes index_binding(const chain& ch, std::string_view key, const header& h);

} // namespace larder::detail
