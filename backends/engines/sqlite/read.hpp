// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading blobs and pages of keys.

#pragma once

#include "connection.hpp"

#include "larder/backend.hpp"
#include "larder/detail/blob_memory.hpp"

namespace larder::detail::sqlite {

/// A row of the table `blobs`, as long as the query that found it is on it.
class row {
public:
  /// @param found is on a row with the columns id, size, first_chunk and head
  /// @param has_value whether the column value comes behind them
  /// @param page memory for what is read, if it is to be shared
  row(connection& conn, const query& found, bool has_value,
      page_memory* page = nullptr);

  int64_t id() const noexcept {
    return id_;
  }

  uint64_t size() const noexcept {
    return size_;
  }

  /// The first chunk of a large blob.
  std::optional<int64_t> first_chunk() const noexcept {
    return first_chunk_;
  }

  /// Reads bytes of the blob, fewer at its end.
  expected<blob_view> read(uint64_t offset, uint64_t length) const;

  /// Reads what is called `part`, of a range with its bounds.
  expected<blob_view> read(blob_part part, uint64_t offset = 0,
                           uint64_t length = 0) const;

  /// Whether the header tells of this revision.
  expected<bool> has_revision(const revision& x) const;

private:
  expected<void> check() const;
  blob_view make_view(size_t length, std::span<std::byte>& dst) const;
  expected<void> read_value(uint64_t offset, std::span<std::byte> dst) const;
  expected<void> read_chunks(uint64_t offset, std::span<std::byte> dst) const;

  connection& conn_;
  page_memory* page_;
  int64_t id_;
  uint64_t size_;
  std::optional<int64_t> first_chunk_;
  bytes_view head_;
  std::optional<bytes_view> value_; // unless it was not asked for
};

/// Reads one blob in a transaction of its own, or in the one that is open.
read_outcome read_blob(connection& conn, const read_request& request);

/// Reads several blobs in one transaction.
std::vector<read_outcome> read_blobs(connection& conn,
                                     std::span<const read_request> requests);

/// Reads a page; see `backend::list`.
expected<list_page> list_blobs(connection& conn, const list_request& request);

} // namespace larder::detail::sqlite
