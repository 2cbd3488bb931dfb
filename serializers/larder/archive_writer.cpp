// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/archive.hpp"
#include "larder/detail/archive_format.hpp"
#include "larder/detail/xxh3.hpp"

#include <algorithm>

namespace larder {

namespace {

/// Small frames are gathered up to here.
constexpr size_t flush_size = size_t{64} << 10;

} // namespace

expected<void> archive_writer::begin(const archive_header& head) {
  auto magic = std::as_bytes(std::span{detail::archive_magic});
  checksum_ = XXH3_64bits(magic.data(), magic.size());
  append(buffer_, magic);
  bytes body;
  append(body, head.id.data);
  append(body, head.store.data);
  append(body, head.base.value_or(uuid{}).data);
  append_big_endian(body, head.created);
  append(body, as_bytes(head.store_name));
  return add_frame(detail::frame_header, body);
}

expected<void> archive_writer::begin_record(const archive_record& record) {
  bytes body;
  append(body, record.rev.data);
  append_big_endian(body, record.size);
  record_size_ = record.size;
  if (auto& log = record.log) {
    append(body, log->id.data);
    append_big_endian(body, log->first);
    append_big_endian(body, log->next);
  } else {
    append_big_endian(body, record.tail_size);
  }
  append(body, as_bytes(record.key));
  return add_frame(record.log ? detail::frame_log : detail::frame_record, body);
}

expected<void> archive_writer::begin_segment(const revision& rev,
                                             uint64_t size) {
  bytes body;
  append(body, rev.data);
  append_big_endian(body, size);
  record_size_ += size;
  return add_frame(detail::frame_segment, body);
}

expected<void> archive_writer::write(bytes_view data) {
  while (!data.empty()) {
    auto piece = data.first(std::min(data.size(), piece_size));
    if (auto ok = add_frame(detail::frame_piece, piece); !ok)
      return ok;
    data = data.subspan(piece.size());
  }
  return {};
}

expected<void> archive_writer::end_record() {
  ++counts_.records;
  counts_.bytes += record_size_;
  return add_frame(detail::frame_end, {});
}

expected<void> archive_writer::abort_record() {
  return add_frame(detail::frame_abort, {});
}

expected<void> archive_writer::add_unchanged(std::string_view key,
                                             const revision& rev) {
  ++counts_.unchanged;
  bytes body;
  append(body, rev.data);
  append(body, as_bytes(key));
  return add_frame(detail::frame_unchanged, body);
}

expected<void> archive_writer::finish() {
  bytes body;
  append_big_endian(body, counts_.records);
  append_big_endian(body, counts_.unchanged);
  append_big_endian(body, counts_.bytes);
  append_big_endian(body, counts_.missing);
  if (auto ok = add_frame(detail::frame_trailer, body); !ok)
    return ok;
  return flush();
}

/// The checksum of each frame seeds that of the next: each tells whether all
/// before it is as it was, and in its place.
expected<void> archive_writer::add_frame(char type, bytes_view body) {
  if (body.size() > detail::max_frame_body)
    return fail(errc::limit_exceeded, "a key of " + std::to_string(body.size())
                                        + " bytes is too large for an archive");
  auto start = buffer_.size();
  buffer_.push_back(static_cast<std::byte>(type));
  append_big_endian(buffer_, static_cast<uint32_t>(body.size()));
  append(buffer_, body);
  auto frame = bytes_view{buffer_}.subspan(start);
  checksum_ = XXH3_64bits_withSeed(frame.data(), frame.size(), checksum_);
  append_big_endian(buffer_, checksum_);
  return buffer_.size() < flush_size ? expected<void>{} : flush();
}

expected<void> archive_writer::flush() {
  auto result = sink_(buffer_);
  buffer_.clear();
  return result;
}

} // namespace larder
