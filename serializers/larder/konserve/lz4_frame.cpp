// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/konserve/lz4_frame.hpp"

namespace larder::konserve {

namespace {

// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
constexpr size_t size_of_mark = 4;
constexpr size_t smallest_header = 7;
constexpr size_t position_of_flags = 4;
constexpr auto version_mask = std::byte{0xC0};
constexpr auto version_1 = std::byte{0x40};
constexpr auto block_checksums = std::byte{0x10};
constexpr auto content_size = std::byte{0x08};
constexpr auto content_checksum = std::byte{0x04};
constexpr auto dictionary_id = std::byte{0x01};

uint32_t load_little_endian(bytes_view xs) noexcept {
  uint32_t result = 0;
  for (size_t i = 0; i < sizeof(result); ++i)
    result |= std::to_integer<uint32_t>(xs[i]) << (8 * i);
  return result;
}

/// Returns whether the frame has at least one block and ends behind one.
bool ends_behind_block(bytes_view frame) noexcept {
  if (frame.size() < smallest_header)
    return false;
  auto flags = frame[position_of_flags];
  auto has = [flags](std::byte x) { return (flags & x) != std::byte{0}; };
  // The checksum of the content comes behind the mark.
  if ((flags & version_mask) != version_1 || has(content_checksum))
    return false;
  auto header = smallest_header + (has(content_size) ? 8 : 0)
                + (has(dictionary_id) ? 4 : 0);
  if (frame.size() <= header)
    return false;
  auto blocks = frame.subspan(header);
  while (blocks.size() >= size_of_mark) {
    constexpr uint32_t uncompressed = uint32_t{1} << 31;
    auto word = load_little_endian(blocks);
    auto size = uint64_t{word & ~uncompressed} + size_of_mark
                + (has(block_checksums) ? 4 : 0);
    if (word == 0 || size > blocks.size())
      return false;
    blocks = blocks.subspan(size);
  }
  return blocks.empty();
}

} // namespace

bytes_view with_end_mark(bytes_view frame, bytes& buffer) {
  if (!ends_behind_block(frame))
    return frame;
  buffer.reserve(frame.size() + size_of_mark);
  buffer.assign(frame.begin(), frame.end());
  buffer.resize(frame.size() + size_of_mark);
  return buffer;
}

void add_end_mark(uint8_t compressor_id, bytes& segment) {
  if (compressor_id == lz4_id && ends_behind_block(segment))
    segment.resize(segment.size() + size_of_mark);
}

} // namespace larder::konserve
