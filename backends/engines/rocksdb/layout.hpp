// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What is stored under which key; docs/rocksdb-engine.md is the specification.

#pragma once

#include "larder/bytes.hpp"

#include <rocksdb/slice.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace larder::detail {

/// The column families. That of the notes cannot have another name.
constexpr std::string_view heads_family = "heads";
constexpr std::string_view chunks_family = "chunks";
constexpr std::string_view notes_family = "default";

constexpr uint64_t chunk_size = uint64_t{256} << 10;

/// A value of no more bytes stays with its metadata: looking a second time
/// would cost more than listings gain from passing over less.
constexpr uint64_t max_inline_value = 2048;

inline rocksdb::Slice to_slice(bytes_view x) noexcept {
  return {reinterpret_cast<const char*>(x.data()), x.size()};
}

inline bytes_view to_view(const rocksdb::Slice& x) noexcept {
  return as_bytes({x.data(), x.size()});
}

/// What the family of heads has for a key.
struct blob_head {
  static constexpr size_t fixed_size = 17;
  using fixed_part = std::array<std::byte, fixed_size>;

  uint64_t size = 0;       ///< of the blob
  uint64_t generation = 0; ///< of its chunks; 0: there are none
  /// The start of the blob: all of it if there are no chunks, otherwise header
  /// and metadata if they were known when it was written, and at least as many
  /// bytes as a header may have.
  bytes_view start;

  /// The part before `start`.
  fixed_part encode() const noexcept;

  /// @returns nothing if this is no head
  static std::optional<blob_head> decode(bytes_view x) noexcept;

  uint64_t num_chunks() const noexcept {
    return generation == 0 ? 0 : (size + chunk_size - 1) / chunk_size;
  }
};

/// Returns how much of a blob, of which the first bytes are known, its head
/// has.
uint64_t head_share(bytes_view known, uint64_t blob_size) noexcept;

/// The key of a chunk.
using chunk_key = std::array<std::byte, 12>;

chunk_key make_chunk_key(uint64_t generation, uint64_t index) noexcept;

/// The key of a note: chunks of that generation have been written and belong to
/// no blob yet.
using note_key = std::array<std::byte, 8>;

note_key make_note_key(uint64_t generation) noexcept;

/// Reads the generation at the start of the key of a chunk or a note.
/// @returns 0 if this is no such key
uint64_t generation_of(const rocksdb::Slice& key) noexcept;

} // namespace larder::detail
