// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Checking blobs without any key.

#pragma once

#include "larder/archive.hpp"
#include "larder/detail/hash_stream.hpp"

#include <optional>

namespace larder::detail {

/// Checks header and checksums of one blob while its bytes go by in the order
/// of an archive: the tail, then the rest. What a checksum does not cover (the
/// tags of encryption, what is inside the segments) takes the store's keys to
/// check. Blobs of layout 1 have no checksums, plain binaries none of the
/// value. Memory: tail and metadata.
class blob_check {
public:
  /// @param store the identity of the store that wrote the blob
  blob_check(const uuid& store, archive_record record);

  /// @returns `corruption`; nothing may follow then
  expected<void> update(bytes_view data);

  /// @pre all bytes have been there
  expected<void> finish();

private:
  expected<void> take(bytes_view data);
  expected<void> take_prefix(bytes_view& data);
  expected<void> check_prefix();
  expected<void> read_index();
  void begin_segment(bytes_view binding, uint64_t size, uint64_t checksum);
  expected<void> settle();

  uuid store_;
  archive_record record_;
  bytes tail_;
  size_t index_size_ = 0; // of the tail
  bytes prefix_;
  std::optional<header> header_;
  bool in_value_ = false;

  // The segment whose bytes are going by.
  std::optional<hash_stream> hash_;
  uint64_t left_ = 0;
  uint64_t checksum_ = 0;
  bytes chunk_binding_;
  uint64_t chunk_ = 0; // number of the next
};

/// How many bytes of the end of a blob an archive has first: for binaries the
/// index and what a `chunk_reader` fetches with it, else none.
/// @param trailer the blob's last `trailer_size` bytes
uint64_t archived_tail_size(const header& h, bytes_view trailer);

} // namespace larder::detail
