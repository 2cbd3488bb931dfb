// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Binary values: any number of bytes in chunks that are compressed, sealed and
/// checked one by one, so that gigabytes pass in bounded memory and a range is
/// read without the rest. docs/format.md specifies the bytes.

#pragma once

#include "larder/chain.hpp"
#include "larder/detail/segment.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// Encodes one binary value, chunk by chunk.
class chunk_encoder {
public:
  /// Plain bytes per chunk; only the last chunk is shorter.
  static constexpr size_t chunk_size = size_t{256} << 10;

  /// @param ch must outlive the encoder
  /// @param key the encoded key
  /// @param meta revision, expiry and extras are fixed from now on, the stamp
  ///             (`last_write`) may still change; `type` becomes binary
  chunk_encoder(const chain& ch, std::string_view key, metadata meta);

  /// How many bytes header and metadata will take before the first chunk.
  /// @returns what the configuration or the metadata lack, as do all others
  expected<size_t> prefix_size() const;

  /// Takes more plain bytes and appends the chunks that are complete to `out`.
  expected<void> update(bytes_view in, bytes& out);

  /// Appends the last chunk and the index to `out`. Nothing may follow.
  expected<void> finish(bytes& out);

  /// Makes header and metadata, `prefix_size()` bytes.
  /// @pre `finish` has returned
  expected<bytes> prefix(int64_t last_write) const;

private:
  bool is_plain() const noexcept {
    return header_.has(header::flag_plain);
  }

  expected<void> start();
  expected<bytes> stored_metadata(int64_t last_write) const;
  expected<void> append_chunk(bytes_view plain, bool last, bytes& out);

  const chain* chain_;
  std::string key_;
  metadata meta_;
  header header_;
  detail::codecs codecs_;
  bytes binding_;        // of the chunk under way
  expected<void> ready_; // why nothing can be encoded, or success
  bytes pending_;        // at most one chunk, it may be the last
  bytes index_;
  uint64_t plain_size_ = 0;
  uint64_t stored_size_ = 0;
  uint32_t chunks_ = 0;
  bool finished_ = false;
};

/// Reads ranges of one binary value. Any thread may use the same reader if its
/// fetch function may be called from there.
class chunk_reader {
public:
  /// Fetches `length` bytes of the blob from `offset`. Fewer are taken for a
  /// damaged blob.
  using fetch_fn
    = std::function<expected<bytes>(uint64_t offset, size_t length)>;

  /// Checks header, metadata and index.
  /// @param ch must outlive the reader
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

  /// Reads plain bytes `[offset, offset + length)`, fewer at the end. Fetches
  /// only the chunks that hold them.
  expected<bytes> read(uint64_t offset, size_t length) const;

  /// Reads and checks every chunk. Values without chunks have nothing to check.
  expected<void> verify() const;

private:
  struct chunk {
    uint64_t offset; // in the blob
    uint32_t stored_size;
    bool raw;
    uint64_t checksum;
  };

  /// Whether the value is stored as it is.
  bool is_plain() const noexcept {
    return header_.layout == 1 || header_.has(header::flag_plain);
  }

  expected<void> read_index(bytes_view index);
  uint64_t plain_chunk_size(size_t number) const noexcept;
  expected<bytes> read_chunk(size_t number) const;

  const chain* chain_ = nullptr;
  std::string key_;
  header header_;
  detail::codecs codecs_;
  metadata meta_;
  uint64_t plain_size_ = 0;
  uint32_t chunk_size_ = 0;
  fetch_fn fetch_;
  std::vector<chunk> chunks_;
};

} // namespace larder
