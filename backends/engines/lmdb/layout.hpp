// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What is in the data file; docs/lmdb-engine.md specifies it. It is one
/// database, whose keys begin with a byte that says what they are of.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <lmdb.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace larder::detail {

/// First bytes of the keys in the file.
enum class lmdb_kind : uint8_t {
  identity = 0x01, ///< the record that makes the file a store
  root = 0x10,     ///< a key of the store, or the start of longer ones
  branch = 0x11,   ///< id of a branch (8), then the next part of a long key
  stage = 0x20,    ///< generation (8): a blob that is being staged
  chunk = 0x30,    ///< generation (8), index (4): a piece of a blob
};

/// Size of the largest key of a store.
constexpr size_t lmdb_max_key_size = size_t{1} << 16;

/// Returns `limit_exceeded` for larger keys.
expected<void> lmdb_check_key(std::string_view key);

/// Returns `limit_exceeded` for larger blobs.
expected<void> lmdb_check_blob_size(uint64_t size);

/// LMDB takes keys of up to 511 bytes. Longer keys of the store are cut into
/// segments of this size; each but the last leads to a branch. Listed branch by
/// branch they are in order.
constexpr size_t lmdb_segment_size = 500;

/// A blob is cut into pieces of this size, which fill their pages exactly.
constexpr size_t lmdb_chunk_size = 64 * 4096 - 16;

/// Size of the largest blob, whose chunks have indices of 32 bits, and of its
/// prefix, which is in the record, that LMDB lets have less than 4 GiB.
constexpr uint64_t lmdb_max_blob_size = uint64_t{lmdb_chunk_size} << 32;
constexpr uint64_t lmdb_max_prefix_size = uint64_t{1} << 31;

/// A key in the file.
class lmdb_key {
public:
  explicit lmdb_key(lmdb_kind kind) {
    add(static_cast<std::byte>(kind));
  }

  void add(std::byte x) {
    data_[size_++] = x;
  }

  template <class T>
  void add_number(T x) {
    store_big_endian(data_.data() + size_, x);
    size_ += sizeof(T);
  }

  void add(bytes_view xs) {
    std::copy(xs.begin(), xs.end(), data_.begin() + size_);
    size_ += xs.size();
  }

  bytes_view view() const noexcept {
    return {data_.data(), size_};
  }

  /// As LMDB takes it; valid as long as this object.
  MDB_val val() const noexcept {
    return {size_, const_cast<std::byte*>(data_.data())};
  }

private:
  std::array<std::byte, 1 + sizeof(uint64_t) + lmdb_segment_size + 1> data_;
  size_t size_ = 0;
};

inline lmdb_key lmdb_stage_key(uint64_t generation) {
  lmdb_key result{lmdb_kind::stage};
  result.add_number(generation);
  return result;
}

/// The start of the keys of all chunks of a generation.
inline lmdb_key lmdb_chunks_key(uint64_t generation) {
  lmdb_key result{lmdb_kind::chunk};
  result.add_number(generation);
  return result;
}

inline lmdb_key lmdb_chunk_key(uint64_t generation, uint32_t index) {
  auto result = lmdb_chunks_key(generation);
  result.add_number(index);
  return result;
}

inline bytes_view lmdb_bytes(const MDB_val& x) noexcept {
  return {static_cast<const std::byte*>(x.mv_data), x.mv_size};
}

// -- records ------------------------------------------------------------------

/// What stands under a key of the store: a byte 1, the size of the blob (8),
/// the generation of its chunks (8, 0: there are none), and the first bytes of
/// the blob. Valid as long as the transaction it was found in.
struct lmdb_record {
  static constexpr size_t head_size = 17;

  uint64_t blob_size = 0;
  uint64_t generation = 0;
  bytes_view head;

  /// Returns nothing for bytes that are no such record.
  static std::optional<lmdb_record> parse(bytes_view data);

  /// Writes all but the first bytes of the blob to `dst`.
  void store(std::byte* dst) const;

  uint64_t num_chunks() const noexcept {
    return (blob_size - head.size() + lmdb_chunk_size - 1) / lmdb_chunk_size;
  }
};

/// What stands under a key that leads to a branch: a byte 2, and its id (8).
struct lmdb_link {
  static constexpr size_t size = 9;

  static std::optional<uint64_t> parse(bytes_view data);

  static std::array<std::byte, size> print(uint64_t branch);
};

/// What makes the file a store: its name, its format, its UUID.
struct lmdb_identity {
  static constexpr std::string_view name = "larder lmdb store";
  static constexpr uint8_t format = 1;

  static lmdb_key key() {
    lmdb_key result{lmdb_kind::identity};
    result.add(as_bytes(name));
    return result;
  }

  static bytes print(const uuid& id);
};

} // namespace larder::detail
