// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "content.hpp"

#include "environment.hpp"
#include "tree.hpp"

#include "larder/header.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr auto dbi = lmdb_environment::dbi;

/// Size of a chunk of those that have `size` bytes together, 0: there is none.
uint64_t chunk_size(uint64_t size, uint32_t index) {
  auto first = index * uint64_t{lmdb_chunk_size};
  return first < size ? std::min<uint64_t>(size - first, lmdb_chunk_size) : 0;
}

/// Looks whether all chunks of a generation may be of a record whose chunks
/// have `size` bytes together.
int may_be_of(MDB_txn* txn, uint64_t generation, uint64_t size, bool& out) {
  out = true;
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  auto start = lmdb_chunks_key(generation);
  auto prefix = start.view().size();
  auto name = start.val();
  MDB_val data{};
  auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_SET_RANGE);
  for (; rc == 0; rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_NEXT)) {
    auto key = lmdb_bytes(name);
    if (!as_chars(key).starts_with(as_chars(start.view())))
      return 0;
    out = key.size() == prefix + sizeof(uint32_t)
          && data.mv_size
               == chunk_size(size, load_big_endian<uint32_t>(&key[prefix]));
    if (!out)
      return 0;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

} // namespace

size_t lmdb_inline_size(size_t key_size, bytes_view blob) {
  if (std::min(key_size, lmdb_segment_size) + blob.size() <= lmdb_max_inline)
    return blob.size();
  auto hdr = header::decode(blob);
  uint64_t prefix = hdr ? hdr->value_offset() : header::max_size;
  return std::min({prefix, uint64_t{blob.size()}, uint64_t{lmdb_chunk_size}});
}

int lmdb_copy(MDB_txn* txn, const lmdb_record& record, uint64_t offset,
              uint64_t length, std::byte* dst) {
  auto take = [&](bytes_view piece, uint64_t first) {
    auto part = piece.subspan(first);
    part = part.first(std::min<uint64_t>(length, part.size()));
    dst = std::copy(part.begin(), part.end(), dst);
    offset += part.size();
    length -= part.size();
  };
  auto head_size = record.head.size();
  if (offset < head_size)
    take(record.head, offset);
  if (length == 0)
    return 0;
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  auto index = (offset - head_size) / lmdb_chunk_size;
  auto key = lmdb_chunk_key(record.generation, static_cast<uint32_t>(index));
  auto name = key.val();
  MDB_val data{};
  auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_SET_KEY);
  for (; rc == 0; rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_NEXT)) {
    key = lmdb_chunk_key(record.generation, static_cast<uint32_t>(index));
    auto first = head_size + index++ * lmdb_chunk_size;
    auto size = std::min<uint64_t>(lmdb_chunk_size, record.blob_size - first);
    if (!std::ranges::equal(lmdb_bytes(name), key.view())
        || data.mv_size != size)
      return MDB_CORRUPTED;
    take(lmdb_bytes(data), offset - first);
    if (length == 0)
      return 0;
  }
  return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

int lmdb_next_generation(MDB_txn* txn, uint64_t& out) {
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  MDB_val name{};
  MDB_val data{};
  if (auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_LAST); rc != 0)
    return rc;
  auto last = lmdb_bytes(name);
  out = 1;
  if (last[0] != static_cast<std::byte>(lmdb_kind::chunk))
    return 0;
  if (last.size() < 1 + sizeof(uint64_t))
    return MDB_CORRUPTED;
  out = load_big_endian<uint64_t>(&last[1]) + 1;
  return 0;
}

int lmdb_put_chunks(MDB_txn* txn, uint64_t generation, uint32_t index,
                    bytes_view data) {
  while (!data.empty()) {
    auto piece = data.first(std::min(data.size(), lmdb_chunk_size));
    auto key = lmdb_chunk_key(generation, index++);
    auto name = key.val();
    MDB_val dst{piece.size(), nullptr};
    auto rc = mdb_put(txn, dbi, &name, &dst, MDB_RESERVE | MDB_NOOVERWRITE);
    if (rc != 0)
      return rc == MDB_KEYEXIST ? MDB_CORRUPTED : rc;
    std::copy(piece.begin(), piece.end(), static_cast<std::byte*>(dst.mv_data));
    data = data.subspan(piece.size());
  }
  return 0;
}

int lmdb_remove_chunks(MDB_txn* txn, uint64_t generation) {
  if (generation == 0)
    return 0;
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  auto start = lmdb_chunks_key(generation);
  for (;;) {
    auto name = start.val();
    MDB_val data{};
    auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
      return 0;
    if (rc == 0
        && !as_chars(lmdb_bytes(name)).starts_with(as_chars(start.view())))
      return 0;
    if (rc == 0)
      rc = mdb_cursor_del(cursor.get(), 0);
    if (rc != 0)
      return rc;
  }
}

int lmdb_remove_chunks(MDB_txn* txn, uint64_t generation, uint64_t size) {
  if (generation == 0)
    return 0;
  auto own = false;
  auto rc = may_be_of(txn, generation, size, own);
  return rc == 0 && own ? lmdb_remove_chunks(txn, generation) : rc;
}

} // namespace larder::detail
