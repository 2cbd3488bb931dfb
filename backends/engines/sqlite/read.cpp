// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "read.hpp"

#include "schema.hpp"

#include "larder/detail/blob_part.hpp"
#include "larder/detail/cursor.hpp"
#include "larder/detail/exceptions.hpp"

#include <algorithm>

namespace larder::detail::sqlite {

namespace {

tl::unexpected<error> damaged(int64_t id) {
  return fail(errc::corruption,
              "row " + std::to_string(id)
                + " of table blobs does not fit its value or chunks");
}

/// How much of a blob that begins with `start` is header and metadata.
uint64_t metadata_end(bytes_view start) {
  auto hdr = header::decode(start);
  return std::max<uint64_t>(hdr ? hdr->value_offset() : 0, header::max_size);
}

} // namespace

// -- row ----------------------------------------------------------------------

row::row(connection& conn, const query& found, bool has_value,
         page_memory* page)
  : conn_(conn),
    page_(page),
    id_(found.integer(0)),
    size_(static_cast<uint64_t>(found.integer(1))),
    head_(found.blob(3)) {
  if (!found.is_null(2))
    first_chunk_ = found.integer(2);
  if (has_value && !found.is_null(4))
    value_ = found.blob(4);
}

/// What can be told from the row alone.
expected<void> row::check() const {
  if (head_.size() > size_ || size_ > max_blob_size)
    return damaged(id_);
  if (value_ && (first_chunk_ || head_.size() + value_->size() != size_))
    return damaged(id_);
  return {};
}

blob_view row::make_view(size_t length, std::span<std::byte>& dst) const {
  if (page_ != nullptr) {
    dst = page_->allocate(length);
    return {dst, size_, page_->owner()};
  }
  auto data = allocate_blob(length);
  dst = {data.get(), length};
  return {dst, size_, std::move(data), true};
}

expected<blob_view> row::read(uint64_t offset, uint64_t length) const {
  if (auto ok = check(); !ok)
    return fail(ok.error());
  offset = std::min(offset, size_);
  length = std::min(length, size_ - offset);
  std::span<std::byte> dst;
  auto result = make_view(static_cast<size_t>(length), dst);
  if (offset < head_.size()) {
    auto part = head_.subspan(offset);
    part = part.first(std::min(part.size(), dst.size()));
    std::copy(part.begin(), part.end(), dst.begin());
    dst = dst.subspan(part.size());
    offset += part.size();
  }
  if (!dst.empty()) {
    offset -= head_.size();
    auto ok = first_chunk_ ? read_chunks(offset, dst) : read_value(offset, dst);
    if (!ok)
      return fail(ok.error());
  }
  return result;
}

expected<blob_view> row::read(blob_part part, uint64_t offset,
                              uint64_t length) const {
  switch (part) {
    case blob_part::none:
      return read(0, 0);
    case blob_part::header:
      return read(0, header::max_size);
    case blob_part::metadata: {
      auto start = read(0, std::max<uint64_t>(head_.size(), header::max_size));
      if (!start || start->data.size() == size_
          || metadata_end(start->data) <= start->data.size())
        return start;
      return read(0, metadata_end(start->data));
    }
    case blob_part::all:
      return read(0, size_);
    case blob_part::range:
      return read(offset, length);
  }
  return fail(errc::invalid_argument, "unknown part of a blob");
}

expected<bool> row::has_revision(const revision& x) const {
  return read(0, header::max_size).map([&](const blob_view& start) {
    return detail::has_revision(start.data, x);
  });
}

expected<void> row::read_value(uint64_t offset,
                               std::span<std::byte> dst) const {
  if (value_) {
    std::copy_n(value_->begin() + static_cast<std::ptrdiff_t>(offset),
                dst.size(), dst.begin());
    return {};
  }
  return blob_reader{conn_}.read("blobs", "value", id_, size_ - head_.size(),
                                 offset, dst);
}

expected<void> row::read_chunks(uint64_t offset,
                                std::span<std::byte> dst) const {
  blob_reader reader{conn_};
  auto rest = size_ - head_.size();
  while (!dst.empty()) {
    auto begin = offset - offset % chunk_size;
    auto size = std::min(chunk_size, rest - begin);
    auto length = std::min<uint64_t>(dst.size(), begin + size - offset);
    auto id = *first_chunk_ + static_cast<int64_t>(begin / chunk_size);
    if (auto ok = reader.read("chunks", "data", id, size, offset - begin,
                              dst.first(length));
        !ok)
      return ok;
    dst = dst.subspan(length);
    offset += length;
  }
  return {};
}

// -- reading ------------------------------------------------------------------

read_outcome read_blob(connection& conn, const read_request& request) {
  auto whole = request.part == blob_part::all;
  query find{conn, whole ? sql::find_all : sql::find_head};
  auto found = find.bind(as_bytes(request.key)).next();
  if (!found)
    return fail(found.error());
  if (!*found)
    return std::nullopt;
  row blob{conn, find, whole};
  if (request.pinned) {
    auto same = blob.has_revision(*request.pinned);
    if (!same)
      return fail(same.error());
    if (!*same)
      return fail(errc::conflict, "the blob was replaced by another revision");
  }
  auto result = blob.read(request.part, request.offset, request.length);
  if (!result)
    return fail(result.error());
  return std::move(*result);
}

std::vector<read_outcome> read_blobs(connection& conn,
                                     std::span<const read_request> requests) {
  if (auto ok = query{conn, sql::begin_read}.run(); !ok)
    return {requests.size(), fail(ok.error())};
  std::vector<read_outcome> result;
  struct ender {
    connection& conn;

    ~ender() {
      if (conn.in_transaction())
        std::ignore = query{conn, sql::rollback}.run();
    }
  } guard{conn};
  result.reserve(requests.size());
  for (auto& x : requests) {
    try {
      result.push_back(read_blob(conn, x));
    } catch (const std::bad_alloc&) {
      result.push_back(fail(out_of_memory()));
    }
    // A bad failure ends the transaction: what follows would be another state.
    if (!conn.in_transaction())
      return {requests.size(),
              fail(result.back()
                     ? error{errc::io_error, "a read was broken off"}
                     : result.back().error())};
  }
  return result;
}

// -- listing ------------------------------------------------------------------

expected<list_page> list_blobs(connection& conn, const list_request& request) {
  if (auto ok = check_list_request(request); !ok)
    return fail(ok.error());
  auto first = request.prefix;
  if (!request.after.empty()) {
    auto last = decode_cursor(request);
    if (!last)
      return fail(last.error());
    first = std::move(*last);
    first += '\0'; // the next key that can be
  }
  list_page result;
  result.entries.reserve(std::min(request.limit, most_reserved));
  page_memory memory;
  query keys{conn, sql::list};
  keys.bind(as_bytes(first));
  for (;;) {
    auto found = keys.next();
    if (!found)
      return fail(found.error());
    if (!*found)
      return result;
    auto key = as_chars(keys.blob(4));
    if (!key.starts_with(request.prefix))
      return result;
    if (result.entries.size() == request.limit)
      break;
    result.entries.push_back(
      {std::string{key}, row{conn, keys, false, &memory}.read(request.part)});
  }
  result.next = encode_cursor(result.entries.back().key);
  return result;
}

} // namespace larder::detail::sqlite
