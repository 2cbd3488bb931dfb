// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// LZ4 frames as konserve has written them.

#pragma once

#include "larder/bytes.hpp"

#include <cstdint>

namespace larder::konserve {

/// The id of the compressor that makes such frames.
constexpr uint8_t lz4_id = 1;

/// Before August 2026, konserve left out the mark at the end of LZ4 frames, so
/// that readers of the frame format must take these as cut off. Returns
/// `frame`, or if it ends right behind a block, a copy with a mark in `buffer`.
///
/// Whether blocks are missing at such an end is unknown, so this is for blobs
/// of konserve only. Each block holds 4 MiB.
bytes_view with_end_mark(bytes_view frame, bytes& buffer);

/// The same in place, for a segment that this compressor has made; others stay
/// as they are.
void add_end_mark(uint8_t compressor_id, bytes& segment);

} // namespace larder::konserve
