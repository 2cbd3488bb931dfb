// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/read.hpp"

#include "larder/detail/blob_part.hpp"

#include <rocksdb/snapshot.h>

#include <algorithm>
#include <optional>

namespace larder::detail {

namespace {

/// Keeps what was read where RocksDB has it. The cache goes last, because the
/// slice gives its block back to it; the database may be closed before.
struct pinned_slice {
  std::shared_ptr<rocksdb::Cache> cache;
  rocksdb::PinnableSlice slice;
};

error read_error(const rocks_database& db, const rocksdb::Status& status) {
  return to_error(status, "cannot read from " + db.config().dir);
}

error damaged(const rocks_database& db, std::string_view what) {
  return {errc::corruption, "the database in " + db.config().dir
                              + " is damaged: " + std::string{what}};
}

/// Reads parts of blobs. Between a head and its chunks the blob may be
/// replaced, unless there is a snapshot: chunks are never changed, so what is
/// found belongs to the head. What is not found has gone, and so has the head;
/// then there is no outcome.
class reader {
public:
  reader(const rocks_database& db, const rocksdb::Snapshot* snapshot)
    : db_(db), snapshot_(snapshot) {
    // nop
  }

  /// @param found what the family of heads has for the key
  std::optional<read_outcome> read(const read_request& x,
                                   const rocksdb::Status& status,
                                   rocksdb::PinnableSlice& found) const {
    if (status.IsNotFound())
      return read_outcome{std::nullopt};
    if (!status.ok())
      return read_outcome{fail(read_error(db_, status))};
    auto owner = std::make_shared<pinned_slice>(
      pinned_slice{db_.cache(), std::move(found)});
    auto head = blob_head::decode(to_view(owner->slice));
    if (!head || head->size > db_.config().max_blob_size)
      return read_outcome{fail(damaged(db_, "the head of a blob is wrong"))};
    if (x.pinned && !has_revision(head->start, *x.pinned))
      return read_outcome{
        fail(errc::conflict, "the blob was replaced by another revision")};
    auto [offset, size] = bounds_of(x, *head);
    if (offset + size <= head->start.size())
      return read_outcome{blob_view{head->start.subspan(offset, size),
                                    head->size, std::move(owner)}};
    return read_chunks(*head, offset, size);
  }

private:
  std::optional<read_outcome>
  read_chunks(const blob_head& head, uint64_t offset, uint64_t size) const {
    auto first = offset / chunk_size;
    auto last = (offset + size - 1) / chunk_size;
    if (first == last) {
      auto owner = std::make_shared<pinned_slice>();
      owner->cache = db_.cache();
      auto chunk = get_chunk(head, first, true, owner->slice);
      if (!chunk)
        return std::nullopt;
      if (!*chunk)
        return read_outcome{fail((*chunk).error())};
      return read_outcome{
        blob_view{(*chunk)->subspan(offset % chunk_size, size), head.size,
                  std::move(owner)}};
    }
    auto owner = std::make_shared<bytes>();
    owner->reserve(size);
    rocksdb::PinnableSlice slice;
    for (auto i = first; i <= last; ++i) {
      auto chunk = get_chunk(head, i, false, slice);
      if (!chunk)
        return std::nullopt;
      if (!*chunk)
        return read_outcome{fail((*chunk).error())};
      auto rest = i == first ? (*chunk)->subspan(offset % chunk_size) : **chunk;
      append(*owner,
             rest.first(std::min<uint64_t>(rest.size(), size - owner->size())));
      slice.Reset();
    }
    return read_outcome{blob_view{*owner, head.size, owner}};
  }

  /// Reads a whole chunk.
  std::optional<expected<bytes_view>>
  get_chunk(const blob_head& head, uint64_t index, bool fill_cache,
            rocksdb::PinnableSlice& out) const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    options.fill_cache = fill_cache; // not with what is larger than most of it
    auto key = make_chunk_key(head.generation, index);
    auto status = db_.db().Get(options, db_.chunks(), to_slice(key), &out);
    if (status.IsNotFound() && snapshot_ == nullptr)
      return std::nullopt;
    if (status.IsNotFound())
      return expected<bytes_view>{fail(damaged(db_, "a blob lacks a chunk"))};
    if (!status.ok())
      return expected<bytes_view>{fail(read_error(db_, status))};
    if (out.size()
        != std::min<uint64_t>(chunk_size, head.size - index * chunk_size))
      return expected<bytes_view>{
        fail(damaged(db_, "a chunk has a wrong size"))};
    return expected<bytes_view>{to_view(out)};
  }

  const rocks_database& db_;
  const rocksdb::Snapshot* snapshot_;
};

/// Reads all, with heads of one moment.
/// @returns nothing if a blob was replaced while it was read
std::optional<std::vector<read_outcome>>
try_read(const rocks_database& db, const rocksdb::Snapshot* snapshot,
         std::span<const read_request> requests) {
  std::vector<rocksdb::Slice> keys;
  keys.reserve(requests.size());
  for (auto& x : requests)
    keys.emplace_back(x.key);
  std::vector<rocksdb::PinnableSlice> values(requests.size());
  std::vector<rocksdb::Status> statuses(requests.size());
  get_heads(db, snapshot, keys, values, statuses);
  std::vector<read_outcome> result;
  result.reserve(requests.size());
  reader source{db, snapshot};
  for (size_t i = 0; i < requests.size(); ++i) {
    auto outcome = source.read(requests[i], statuses[i], values[i]);
    if (!outcome)
      return std::nullopt;
    result.push_back(std::move(*outcome));
  }
  return result;
}

} // namespace

part_bounds bounds_of(const read_request& x, const blob_head& head) noexcept {
  switch (x.part) {
    case blob_part::none:
      break;
    case blob_part::header:
      return {0, std::min<uint64_t>(header::max_size, head.size)};
    case blob_part::metadata: {
      auto hdr = header::decode(head.start);
      auto size = hdr ? hdr->value_offset() : 0;
      return {0,
              std::min(std::max<uint64_t>(size, header::max_size), head.size)};
    }
    case blob_part::all:
      return {0, head.size};
    case blob_part::range: {
      auto offset = std::min(x.offset, head.size);
      return {offset, std::min(x.length, head.size - offset)};
    }
  }
  return {0, 0};
}

void get_heads(const rocks_database& db, const rocksdb::Snapshot* snapshot,
               std::span<const rocksdb::Slice> keys,
               std::span<rocksdb::PinnableSlice> values,
               std::span<rocksdb::Status> statuses) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  if (keys.size() == 1)
    statuses[0] = db.db().Get(options, db.heads(), keys[0], &values[0]);
  else if (!keys.empty())
    db.db().MultiGet(options, db.heads(), keys.size(), keys.data(),
                     values.data(), statuses.data());
}

std::vector<read_outcome> read_blobs(const rocks_database& db,
                                     std::span<const read_request> requests) {
  if (auto result = try_read(db, nullptr, requests))
    return std::move(*result);
  // A blob was replaced in the middle. A snapshot costs a lock that all share,
  // but with it this cannot happen.
  rocksdb::ManagedSnapshot snapshot{&db.db()};
  return read_blobs(db, *snapshot.snapshot(), requests);
}

std::vector<read_outcome> read_blobs(const rocks_database& db,
                                     const rocksdb::Snapshot& snapshot,
                                     std::span<const read_request> requests) {
  auto result = try_read(db, &snapshot, requests);
  if (!result) // not with a snapshot
    return {requests.size(), fail(errc::internal, "a snapshot has changed")};
  return std::move(*result);
}

} // namespace larder::detail
