// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Archives in memory.

#pragma once

#include "serializers/blobs.hpp"

#include "larder/archive.hpp"

#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <memory>

namespace larder::test {

inline revision revision_of(uint8_t n) {
  revision result;
  result.data.fill(static_cast<std::byte>(n));
  return result;
}

inline uuid uuid_of(uint8_t n) {
  uuid result;
  result.data.fill(static_cast<std::byte>(n));
  return result;
}

inline archive_header full_header(uint8_t id = 1) {
  return {uuid_of(id), store_id, std::nullopt, 1'700'000'000'123, "memory:"};
}

inline archive_header increment_header(uint8_t id, uint8_t base) {
  auto result = full_header(id);
  result.base = uuid_of(base);
  return result;
}

/// Makes an archive of whatever `f` writes.
inline bytes make_archive(
  const archive_header& head,
  const std::function<void(archive_writer&)>& f = [](auto&) {}) {
  bytes result;
  archive_writer out{[&result](bytes_view data) -> expected<void> {
    append(result, data);
    return {};
  }};
  REQUIRE(out.begin(head));
  f(out);
  REQUIRE(out.finish());
  return result;
}

inline void add_record(archive_writer& out, const std::string& key,
                       bytes_view content, const revision& rev,
                       uint64_t tail_size = 0) {
  REQUIRE(out.begin_record({key, rev, content.size(), tail_size}));
  REQUIRE(out.write(content.last(tail_size)));
  REQUIRE(out.write(content.first(content.size() - tail_size)));
  REQUIRE(out.end_record());
}

/// Adds a log with segments of two bytes each.
/// @param broken whether it is taken back before its last segment
inline void add_log(archive_writer& out, const std::string& key,
                    const revision& rev, uint64_t first, uint64_t next,
                    bool broken = false) {
  auto head = to_bytes("the head");
  REQUIRE(out.begin_record(
    {key, rev, head.size(), 0, archive_log{uuid_of(9), first, next}}));
  REQUIRE(out.write(head));
  for (auto i = first; i + broken < next; ++i) {
    REQUIRE(out.begin_segment(rev, 2));
    REQUIRE(out.write(to_bytes("ab")));
  }
  REQUIRE((broken ? out.abort_record() : out.end_record()));
}

/// Gives the bytes out, at most `step` at a time.
inline archive_reader::source_fn source_of(bytes data, size_t step = SIZE_MAX) {
  auto shared = std::make_shared<const bytes>(std::move(data));
  return [shared, step, used = size_t{0}](
           std::span<std::byte> dst) mutable -> expected<size_t> {
    auto n = std::min({dst.size(), step, shared->size() - used});
    std::copy_n(shared->begin() + static_cast<ptrdiff_t>(used), n, dst.begin());
    used += n;
    return n;
  };
}

/// Reads up to the end and tells what was there, a line for each event.
inline expected<std::string> events_of(archive_reader& in) {
  using event = archive_reader::event;
  std::string result;
  for (;;) {
    auto next = in.next();
    if (!next)
      return fail(next.error());
    auto& x = in.record();
    switch (*next) {
      case event::record:
        result += (x.log ? "log " : "record ") + x.key + " "
                  + to_string(x.rev).substr(0, 2) + " " + std::to_string(x.size)
                  + " "
                  + (x.log ? std::to_string(x.log->next - x.log->first)
                           : std::to_string(x.tail_size))
                  + "\n";
        break;
      case event::segment:
        result += "segment " + to_string(in.blob().rev).substr(0, 2) + " "
                  + std::to_string(in.blob().size) + "\n";
        break;
      case event::piece:
        result += "piece " + std::to_string(in.piece().size()) + "\n";
        break;
      case event::end:
        result += "end\n";
        break;
      case event::aborted:
        result += "aborted\n";
        break;
      case event::unchanged:
        result += "unchanged " + x.key + " " + to_string(x.rev).substr(0, 2)
                  + "\n";
        break;
      case event::finished:
        return result;
    }
  }
}

inline expected<std::string> events_of(bytes archive, size_t step = SIZE_MAX) {
  auto in = archive_reader::open(source_of(std::move(archive), step));
  if (!in)
    return fail(in.error());
  return events_of(*in);
}

/// The bytes of each frame, behind the 12 that every archive begins with.
inline std::vector<bytes> frames_of(bytes_view archive) {
  std::vector<bytes> result;
  for (auto rest = archive.subspan(12); !rest.empty();) {
    auto size = 13 + load_big_endian<uint32_t>(&rest[1]);
    result.push_back(to_bytes(rest.first(size)));
    rest = rest.subspan(size);
  }
  return result;
}

/// Puts frames together, with checksums that fit where they are now.
inline bytes joined(bytes_view archive, const std::vector<bytes>& frames) {
  auto result = to_bytes(archive.first(12));
  auto sum = XXH3_64bits(result.data(), result.size());
  for (auto frame : frames) {
    auto size = frame.size() - 8;
    sum = XXH3_64bits_withSeed(frame.data(), size, sum);
    store_big_endian(&frame[size], sum);
    append(result, frame);
  }
  return result;
}

} // namespace larder::test
