// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "read.hpp"

#include "content.hpp"
#include "tree.hpp"

#include "larder/detail/blob_memory.hpp"
#include "larder/detail/blob_part.hpp"

#include <algorithm>

namespace larder::detail {

int lmdb_read_head(MDB_txn* txn, const lmdb_record& record, lmdb_head& out) {
  out.size = std::min<uint64_t>(record.blob_size, out.data.size());
  return lmdb_copy(txn, record, 0, out.size, out.data.data());
}

int lmdb_part_size(MDB_txn* txn, const lmdb_record& record, blob_part part,
                   uint64_t& out) {
  auto first = [&](uint64_t n) {
    out = std::min(n, record.blob_size);
    return 0;
  };
  switch (part) {
    case blob_part::none:
      return first(0);
    case blob_part::header:
      return first(header::max_size);
    case blob_part::metadata: {
      lmdb_head copy;
      auto head = record.head; // most often there is enough
      if (head.size()
          < std::min<uint64_t>(record.blob_size, copy.data.size())) {
        if (auto rc = lmdb_read_head(txn, record, copy); rc != 0)
          return rc;
        head = copy.view();
      }
      auto hdr = header::decode(head);
      return first(
        std::max<uint64_t>(hdr ? hdr->value_offset() : 0, header::max_size));
    }
    default:
      return first(record.blob_size);
  }
}

read_outcome lmdb_read(const lmdb_environment& env, MDB_txn* txn,
                       const read_request& request) {
  auto problem = [&](int rc) { return fail(env.failure("read", rc)); };
  std::optional<lmdb_record> record;
  auto rc = lmdb_find(txn, request.key, record);
  if (rc == MDB_NOTFOUND)
    return std::nullopt;
  if (rc != 0 || !record)
    return problem(rc != 0 ? rc : MDB_CORRUPTED);
  if (request.pinned) {
    lmdb_head head;
    if (rc = lmdb_read_head(txn, *record, head); rc != 0)
      return problem(rc);
    if (!has_revision(head.view(), *request.pinned))
      return fail(errc::conflict, "the blob was replaced by another revision");
  }
  uint64_t offset = 0;
  uint64_t size = 0;
  if (request.part == blob_part::range) {
    offset = std::min(request.offset, record->blob_size);
    size = std::min(request.length, record->blob_size - offset);
  } else if (rc = lmdb_part_size(txn, *record, request.part, size); rc != 0) {
    return problem(rc);
  }
  auto copy = allocate_blob(size);
  if (rc = lmdb_copy(txn, *record, offset, size, copy.get()); rc != 0)
    return problem(rc);
  return blob_view{{copy.get(), size}, record->blob_size, copy, true};
}

// -- listing ------------------------------------------------------------------

namespace {

constexpr char cursor_mark = 'k';

expected<std::string> decode_cursor(const list_request& request) {
  bytes key;
  std::string_view str = request.after;
  if (!str.starts_with(cursor_mark) || !from_hex(str.substr(1), key)
      || !as_chars(key).starts_with(request.prefix))
    return fail(errc::invalid_argument,
                "\"" + request.after + "\" is no cursor of this listing");
  return std::string{as_chars(key)};
}

class page_builder {
public:
  page_builder(const lmdb_environment& env, MDB_txn* txn,
               const list_request& request)
    : env_(env), txn_(txn), part_(request.part), owner_(memory_.owner()) {
    page_.entries.reserve(std::min(request.limit, most_reserved));
  }

  void add(const std::string& key, const std::optional<lmdb_record>& record) {
    uint64_t size = 0;
    auto rc = record ? lmdb_part_size(txn_, *record, part_, size)
                     : MDB_CORRUPTED;
    std::span<std::byte> copy;
    if (rc == 0) {
      copy = memory_.allocate(size);
      rc = lmdb_copy(txn_, *record, 0, size, copy.data());
    }
    if (rc == 0)
      page_.entries.push_back(
        {key, blob_view{copy, record->blob_size, owner_}});
    else
      page_.entries.push_back({key, fail(env_.failure("read", rc))});
  }

  size_t size() const noexcept {
    return page_.entries.size();
  }

  list_page finish() {
    return std::move(page_);
  }

private:
  const lmdb_environment& env_;
  MDB_txn* txn_;
  blob_part part_;
  list_page page_;
  page_memory memory_;
  std::shared_ptr<const void> owner_;
};

} // namespace

expected<list_page> lmdb_list(lmdb_environment& env,
                              const list_request& request) {
  auto reader = env.begin_read();
  if (!reader)
    return fail(reader.error());
  return lmdb_list(env, reader->txn(), request);
}

expected<list_page> lmdb_list(const lmdb_environment& env, MDB_txn* txn,
                              const list_request& request) {
  if (auto ok = check_list_request(request); !ok)
    return fail(ok.error());
  auto bound = request.prefix;
  if (!request.after.empty()) {
    auto after = decode_cursor(request);
    if (!after)
      return fail(after.error());
    bound = std::move(*after);
  }
  page_builder page{env, txn, request};
  lmdb_walk walk;
  auto rc = walk.start(txn, bound, !request.after.empty());
  for (; rc == 0 && walk.key().starts_with(request.prefix); rc = walk.next()) {
    if (page.size() == request.limit) {
      auto result = page.finish();
      result.next = cursor_mark + to_hex(as_bytes(result.entries.back().key));
      return result;
    }
    page.add(walk.key(), walk.record());
  }
  if (rc != 0 && rc != MDB_NOTFOUND)
    return fail(env.failure("list", rc));
  return page.finish();
}

} // namespace larder::detail
