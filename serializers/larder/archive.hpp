// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Archives: the blobs of a store, as they are, in one stream of bytes.
/// docs/archive-format.md specifies it.
///
/// Nothing is decoded: what is encrypted stays so, and neither writing nor
/// checking an archive needs a key. Writer and reader only ever go forwards, so
/// that an archive passes through pipes, in memory for one piece.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/header.hpp"
#include "larder/uuid.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace larder {

// -- what archives consist of -------------------------------------------------

/// What an archive is a backup of.
struct archive_header {
  /// Names the archive, so that others can build on it.
  uuid id;
  /// The store's identity, without which no blob can be checked or decoded.
  uuid store;
  /// The archive that this one builds on; nothing: it is complete in itself.
  std::optional<uuid> base;
  /// When the backup began, ms since 1970.
  int64_t created = 0;
  /// Where the store was: for people.
  std::string store_name;
};

/// Which segments belong to an append log (format.md).
struct archive_log {
  uuid id;
  /// The numbers of the first segment and of the one after the last.
  uint64_t first = 0;
  uint64_t next = 0;

  friend bool operator==(const archive_log&, const archive_log&) = default;
};

/// A blob to come. Its bytes follow in pieces, the last `tail_size` of them
/// first: a binary's index is so known before its chunks.
struct archive_record {
  std::string key; ///< encoded (key.hpp)
  revision rev;
  uint64_t size = 0;
  uint64_t tail_size = 0;
  /// If the blob is the head of a log: its segments follow in ascending order,
  /// and belong to the record.
  std::optional<archive_log> log = std::nullopt;
};

/// What was found, in the end.
struct archive_counts {
  uint64_t records = 0;   ///< keys whose blobs are in this archive
  uint64_t unchanged = 0; ///< keys whose blobs are in the archives before it
  uint64_t bytes = 0;     ///< of all blobs
  uint64_t missing = 0;   ///< keys that could not be backed up

  friend bool operator==(const archive_counts&, const archive_counts&)
    = default;
};

// -- writing ------------------------------------------------------------------

/// Writes one archive. After an error nothing may follow.
class archive_writer {
public:
  /// Takes the next bytes.
  using sink_fn = std::function<expected<void>(bytes_view)>;

  /// Most bytes of a blob in one piece.
  static constexpr size_t piece_size = size_t{256} << 10;

  explicit archive_writer(sink_fn sink) : sink_(std::move(sink)) {
    // nop
  }

  expected<void> begin(const archive_header& head);

  /// @pre no record is open
  expected<void> begin_record(const archive_record& record);

  /// Begins the next segment of the log that the record is of.
  /// @pre the blob before it has all its bytes
  expected<void> begin_segment(const revision& rev, uint64_t size);

  /// Adds bytes to the blob.
  expected<void> write(bytes_view data);

  /// Completes the record.
  /// @pre it has all its bytes and segments
  expected<void> end_record();

  /// Takes the record back, with all segments: its key changed while it was
  /// read.
  expected<void> abort_record();

  /// Names a key that is still as in the archive before.
  expected<void> add_unchanged(std::string_view key, const revision& rev);

  /// Counts a key that should be here and is not.
  void add_missing() noexcept {
    ++counts_.missing;
  }

  /// Completes the archive.
  expected<void> finish();

  const archive_counts& counts() const noexcept {
    return counts_;
  }

private:
  expected<void> add_frame(char type, bytes_view body);
  expected<void> flush();

  sink_fn sink_;
  bytes buffer_;
  uint64_t checksum_ = 0;
  uint64_t record_size_ = 0;
  archive_counts counts_;
};

// -- reading ------------------------------------------------------------------

/// Reads one archive and notices every bit that is not as it was written.
/// Hostile bytes cost no more memory than one piece.
class archive_reader {
public:
  /// Reads some bytes, at most as many as there is room for; 0 is the end.
  using source_fn = std::function<expected<size_t>(std::span<std::byte>)>;

  /// What comes next. A record is good when it has ended; what belongs to an
  /// aborted one must be forgotten.
  enum class event : uint8_t {
    record,    ///< `record()` begins, `blob()` is the same
    segment,   ///< `blob()`, the next segment of the record's log, begins
    piece,     ///< `piece()` are the next bytes of `blob()`
    end,       ///< the record is complete
    aborted,   ///< the record is taken back
    unchanged, ///< `record()` has key and revision of what an earlier archive
               ///< has
    finished,  ///< the archive is complete, and as it was written
  };

  /// Reads the header.
  /// @returns `corruption` if it is no archive, `unsupported` if it is one of a
  ///          newer version, and what the source fails with
  static expected<archive_reader> open(source_fn source);

  const archive_header& head() const noexcept {
    return head_;
  }

  /// @returns `corruption` for whatever is not as it was written; then, and
  ///          after `finished`, nothing may follow
  expected<event> next();

  const archive_record& record() const noexcept {
    return record_;
  }

  /// The blob whose bytes are coming: that of the record's key, or a segment.
  const archive_record& blob() const noexcept {
    return in_segment_ ? segment_ : record_;
  }

  /// Valid until the next event.
  bytes_view piece() const noexcept;

  /// What has been read so far; complete when `finished`.
  const archive_counts& counts() const noexcept {
    return counts_;
  }

  /// Number of bytes read from the source.
  uint64_t position() const noexcept {
    return position_;
  }

private:
  explicit archive_reader(source_fn source) : source_(std::move(source)) {
    // nop
  }

  expected<void> read_header();
  expected<char> read_frame();
  expected<event> accept(char type);
  expected<event> begin_record(bytes_view in);
  expected<event> begin_log(bytes_view in);
  event begin_segment(bytes_view in);
  bool blob_is_complete() const noexcept;
  expected<void> read(std::span<std::byte> dst);
  expected<void> fill();
  expected<void> check_trailer();
  tl::unexpected<error> damaged(std::string_view what) const;

  source_fn source_;
  bytes buffer_;
  size_t used_ = 0;
  uint64_t position_ = 0;
  uint64_t checksum_ = 0;
  archive_header head_;
  bytes frame_; // head and body
  archive_record record_;
  archive_record segment_;
  bool in_record_ = false;
  bool in_segment_ = false;
  bool has_logs_ = false;     ///< whether the format has logs
  uint64_t next_segment_ = 0; ///< number of the next one
  uint64_t blob_bytes_ = 0;   ///< of the blob, so far
  uint64_t record_bytes_ = 0; ///< of the blobs before it in the record
  archive_counts counts_;
};

} // namespace larder
