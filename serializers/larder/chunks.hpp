// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Binary values: any number of bytes in chunks that are compressed, sealed and
/// checked one by one, so that gigabytes pass in bounded memory and a range is
/// read without the rest. docs/format.md specifies the bytes.

#pragma once

#include "larder/chain.hpp"

#include <cstdint>
#include <functional>
#include <span>

namespace larder {

/// Encodes one binary value, chunk by chunk.
class chunk_encoder {
public:
  /// Plain bytes per chunk; only the last chunk is shorter.
  static constexpr size_t chunk_size = size_t{256} << 10;

  /// @param key the encoded key
  /// @param meta revision, expiry and extras are fixed from now on, the stamp
  ///             (`last_write`) may still change
  chunk_encoder(const chain& ch, std::string_view key, metadata meta);

  /// How many bytes header and metadata will take before the first chunk.
  expected<size_t> prefix_size() const;

  /// Takes more plain bytes and appends the chunks that are complete to `out`.
  expected<void> update(bytes_view in, bytes& out);

  /// Appends the last chunk and the index to `out`.
  expected<void> finish(bytes& out);

  /// Makes header and metadata, `prefix_size()` bytes.
  /// @pre `finish` has returned
  expected<bytes> prefix(int64_t last_write) const;

private:
  expected<void> flush(bool last, bytes& out);

  const chain* chain_;
  std::string key_;
  metadata meta_;
  bytes pending_;
  bytes index_;
  uint64_t plain_size_ = 0;
  uint64_t stored_size_ = 0;
  uint64_t index_checksum_ = 0;
};

/// Reads ranges of one binary value.
class chunk_reader {
public:
  /// Fetches `length` bytes of the blob from `offset`.
  using fetch_fn
    = std::function<expected<bytes>(uint64_t offset, size_t length)>;

  /// Checks header, metadata and index.
  /// @param blob_size total size of the blob
  /// @returns as `chain::decode`, and `wrong_type` if the blob holds no binary
  static expected<chunk_reader> open(const chain& ch, std::string_view key,
                                     uint64_t blob_size, fetch_fn fetch);

  const metadata& meta() const noexcept {
    return meta_;
  }

  /// Number of plain bytes.
  uint64_t size() const noexcept {
    return plain_size_;
  }

  /// Reads plain bytes `[offset, offset + length)`, fewer at the end.
  expected<bytes> read(uint64_t offset, size_t length) const;

private:
  const chain* chain_ = nullptr;
  std::string key_;
  header header_;
  metadata meta_;
  uint64_t plain_size_ = 0;
  fetch_fn fetch_;

  struct chunk {
    uint64_t offset;
    uint32_t stored_size;
    bool raw;
    uint64_t checksum;
  };
  std::vector<chunk> chunks_;
};

} // namespace larder
