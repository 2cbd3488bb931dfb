// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What writer and reader of archives share; docs/archive-format.md specifies
/// it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::detail {

/// The version of the format that is written. The one before has no logs, and
/// is read as well.
constexpr uint8_t archive_version = 2;

/// How every archive begins: text that a transfer as text would break, and the
/// version of the format.
constexpr std::array<uint8_t, 12> archive_magic = {
  0x89, 'l', 'a', 'r', 'd', 'e', 'r', '\r', '\n', 0x1A, '\n', archive_version};

/// A frame is its type (1), the size of its body (4), body and checksum (8).
constexpr size_t frame_head_size = 5;
constexpr size_t frame_checksum_size = 8;

/// The largest body that readers accept.
constexpr size_t max_frame_body = size_t{16} << 20;

constexpr char frame_header = 'H';
constexpr char frame_record = 'R';
constexpr char frame_log = 'L';
constexpr char frame_segment = 'S';
constexpr char frame_piece = 'D';
constexpr char frame_end = 'E';
constexpr char frame_abort = 'A';
constexpr char frame_unchanged = 'U';
constexpr char frame_trailer = 'T';

/// Sizes of bodies, or of their parts before a text that goes to the end.
constexpr size_t archive_head_size = 56;
constexpr size_t record_head_size = 32;
constexpr size_t log_head_size = 56;
constexpr size_t segment_head_size = 24;
constexpr size_t unchanged_head_size = 16;
constexpr size_t archive_trailer_size = 32;

} // namespace larder::detail
