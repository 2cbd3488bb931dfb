// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/archive.hpp"
#include "larder/detail/archive_format.hpp"
#include "larder/detail/hidden_key.hpp"
#include "larder/detail/xxh3.hpp"

#include <algorithm>

namespace larder {

namespace {

constexpr size_t buffer_size = size_t{64} << 10;

/// What a frame may add to memory before its bytes have come.
constexpr size_t step_size = size_t{1} << 20;

template <class Id>
Id read_id(bytes_view from) {
  Id result;
  std::copy_n(from.begin(), result.data.size(), result.data.begin());
  return result;
}

} // namespace

expected<archive_reader> archive_reader::open(source_fn source) {
  archive_reader result{std::move(source)};
  if (auto ok = result.read_header(); !ok)
    return fail(std::move(ok.error()));
  return result;
}

expected<void> archive_reader::read_header() {
  auto wanted = std::as_bytes(std::span{detail::archive_magic});
  std::array<std::byte, detail::archive_magic.size()> magic;
  if (auto ok = read(magic); !ok)
    return ok;
  auto same = std::mismatch(magic.begin(), magic.end(), wanted.begin()).first
              - magic.begin();
  if (same + 1 < std::ssize(magic))
    return damaged("this is no archive of larder");
  auto version = std::to_integer<int>(magic.back());
  if (version != 1 && version != detail::archive_version)
    return fail(errc::unsupported,
                "the archive has format " + std::to_string(version)
                  + ", this version of larder reads the formats 1 and "
                  + std::to_string(detail::archive_version));
  has_logs_ = version > 1;
  checksum_ = XXH3_64bits(magic.data(), magic.size());
  auto type = read_frame();
  if (!type)
    return fail(std::move(type.error()));
  if (*type != detail::frame_header
      || piece().size() < detail::archive_head_size)
    return damaged("the archive does not begin with a header");
  auto in = piece();
  head_.id = read_id<uuid>(in);
  head_.store = read_id<uuid>(in.subspan(16));
  if (auto base = read_id<uuid>(in.subspan(32)); base != uuid{})
    head_.base = base;
  head_.created = load_big_endian<int64_t>(&in[48]);
  head_.store_name = as_chars(in.subspan(detail::archive_head_size));
  return {};
}

// -- events -------------------------------------------------------------------

expected<archive_reader::event> archive_reader::next() {
  auto type = read_frame();
  if (!type)
    return fail(std::move(type.error()));
  return accept(*type);
}

expected<archive_reader::event> archive_reader::accept(char type) {
  auto in = piece();
  auto outside
    = [this, in](size_t size) { return !in_record_ && in.size() >= size; };
  auto empty_inside = in_record_ && in.empty();
  if (type == detail::frame_record && outside(detail::record_head_size))
    return begin_record(in);
  if (type == detail::frame_log && has_logs_ && outside(detail::log_head_size))
    return begin_log(in);
  if (type == detail::frame_segment && in_record_ && record_.log
      && blob_is_complete() && next_segment_ < record_.log->next
      && in.size() == detail::segment_head_size)
    return begin_segment(in);
  if (type == detail::frame_piece && in_record_ && !in.empty()
      && in.size() <= blob().size - blob_bytes_) {
    blob_bytes_ += in.size();
    return event::piece;
  }
  if (type == detail::frame_end && empty_inside && blob_is_complete()
      && (!record_.log || next_segment_ == record_.log->next)) {
    ++counts_.records;
    counts_.bytes += record_bytes_ + blob_bytes_;
    in_record_ = in_segment_ = false;
    return event::end;
  }
  if (type == detail::frame_abort && empty_inside) {
    in_record_ = in_segment_ = false;
    return event::aborted;
  }
  if (type == detail::frame_unchanged && head_.base
      && outside(detail::unchanged_head_size)) {
    record_ = {std::string{as_chars(in.subspan(detail::unchanged_head_size))},
               read_id<revision>(in)};
    ++counts_.unchanged;
    return event::unchanged;
  }
  if (type == detail::frame_trailer && outside(detail::archive_trailer_size)
      && in.size() == detail::archive_trailer_size) {
    if (auto ok = check_trailer(); !ok)
      return fail(std::move(ok.error()));
    return event::finished;
  }
  return damaged("a frame is of an unknown kind, or in a wrong place");
}

expected<archive_reader::event> archive_reader::begin_record(bytes_view in) {
  record_ = {std::string{as_chars(in.subspan(detail::record_head_size))},
             read_id<revision>(in), load_big_endian<uint64_t>(&in[16]),
             load_big_endian<uint64_t>(&in[24])};
  if (record_.tail_size > record_.size)
    return damaged("a record's tail is larger than the record");
  in_record_ = true;
  blob_bytes_ = record_bytes_ = 0;
  return event::record;
}

expected<archive_reader::event> archive_reader::begin_log(bytes_view in) {
  archive_log log{read_id<uuid>(in.subspan(24)),
                  load_big_endian<uint64_t>(&in[40]),
                  load_big_endian<uint64_t>(&in[48])};
  if (log.first > log.next)
    return damaged("a log has a negative number of segments");
  record_ = {std::string{as_chars(in.subspan(detail::log_head_size))},
             read_id<revision>(in), load_big_endian<uint64_t>(&in[16]), 0, log};
  next_segment_ = log.first;
  in_record_ = true;
  blob_bytes_ = record_bytes_ = 0;
  return event::record;
}

archive_reader::event archive_reader::begin_segment(bytes_view in) {
  record_bytes_ += blob_bytes_;
  blob_bytes_ = 0;
  segment_ = {detail::segment_key(record_.log->id, next_segment_++),
              read_id<revision>(in), load_big_endian<uint64_t>(&in[16])};
  in_segment_ = true;
  return event::segment;
}

bool archive_reader::blob_is_complete() const noexcept {
  return blob_bytes_ == blob().size;
}

expected<void> archive_reader::check_trailer() {
  auto number = [in = piece()](size_t i) {
    return load_big_endian<uint64_t>(&in[i * sizeof(uint64_t)]);
  };
  archive_counts told{number(0), number(1), number(2), number(3)};
  counts_.missing = told.missing;
  if (told != counts_)
    return damaged("the archive ends with other numbers than it has");
  if (used_ == buffer_.size())
    if (auto ok = fill(); !ok)
      return ok;
  if (used_ != buffer_.size())
    return damaged("something follows the archive");
  return {};
}

// -- bytes --------------------------------------------------------------------

/// Reads a frame, checks it, and answers its type.
expected<char> archive_reader::read_frame() {
  frame_.resize(detail::frame_head_size);
  if (auto ok = read(frame_); !ok)
    return fail(std::move(ok.error()));
  auto size = load_big_endian<uint32_t>(&frame_[1]);
  if (size > detail::max_frame_body)
    return damaged("a frame is too large");
  auto end = frame_.size() + size;
  while (frame_.size() < end) {
    auto start = frame_.size();
    frame_.resize(std::min(end, start + step_size));
    if (auto ok = read(std::span{frame_}.subspan(start)); !ok)
      return fail(std::move(ok.error()));
  }
  checksum_ = XXH3_64bits_withSeed(frame_.data(), frame_.size(), checksum_);
  std::array<std::byte, detail::frame_checksum_size> sum;
  if (auto ok = read(sum); !ok)
    return fail(std::move(ok.error()));
  if (load_big_endian<uint64_t>(sum.data()) != checksum_)
    return damaged("a checksum is wrong");
  return static_cast<char>(frame_[0]);
}

bytes_view archive_reader::piece() const noexcept {
  return bytes_view{frame_}.subspan(detail::frame_head_size);
}

/// Reads exactly as many bytes as there is room for.
expected<void> archive_reader::read(std::span<std::byte> dst) {
  while (!dst.empty()) {
    if (used_ == buffer_.size()) {
      if (auto ok = fill(); !ok)
        return ok;
      if (buffer_.empty())
        return damaged("the archive is incomplete: it ends early");
    }
    auto n = std::min(dst.size(), buffer_.size() - used_);
    std::copy_n(buffer_.begin() + static_cast<ptrdiff_t>(used_), n,
                dst.begin());
    used_ += n;
    position_ += n;
    dst = dst.subspan(n);
  }
  return {};
}

/// Replaces the buffer, which is used up; it is empty at the end.
expected<void> archive_reader::fill() {
  buffer_.resize(buffer_size);
  auto n = source_(buffer_);
  buffer_.resize(n ? std::min(*n, buffer_size) : 0);
  used_ = 0;
  if (!n)
    return fail(std::move(n.error()));
  return {};
}

tl::unexpected<error> archive_reader::damaged(std::string_view what) const {
  return fail(errc::corruption, std::string{what} + " (at byte "
                                  + std::to_string(position_) + ")");
}

} // namespace larder
