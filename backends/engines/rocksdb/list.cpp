// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/read.hpp"

#include "larder/detail/blob_memory.hpp"
#include "larder/detail/blob_part.hpp"

#include <rocksdb/iterator.h>

#include <algorithm>

namespace larder::detail {

namespace {

/// A cursor is the last key of the page before, in hexadecimal digits behind a
/// letter, so that it is never empty.
expected<std::string> decode_cursor(const list_request& request) {
  bytes key;
  std::string_view str = request.after;
  if (!str.starts_with('k') || !from_hex(str.substr(1), key)
      || !as_chars(key).starts_with(request.prefix))
    return fail(errc::invalid_argument,
                "not a cursor of this listing: \"" + request.after + "\"");
  return std::string{as_chars(key)};
}

/// Returns the first key behind all that begin with `prefix`, empty if there
/// is none.
std::string end_of(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF')
    prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

/// Collects the parts of a page.
class page_builder {
public:
  page_builder(const rocks_database& db, const rocksdb::Snapshot* snapshot,
               const list_request& request)
    : db_(db), snapshot_(snapshot) {
    wanted_.part = request.part;
    page_.entries.reserve(std::min(request.limit, most_reserved));
  }

  void add(std::string key, bytes_view record) {
    auto head = blob_head::decode(record);
    if (!head) {
      page_.entries.push_back(
        {std::move(key),
         fail(errc::corruption, "the database in " + db_.config().dir
                                  + " is damaged: the head of a blob is "
                                    "wrong")});
      return;
    }
    auto size = bounds_of(wanted_, *head).size;
    if (size > head->start.size())
      return add_from_chunks(std::move(key));
    auto data = memory_.allocate(size);
    std::copy_n(head->start.begin(), size, data.begin());
    page_.entries.push_back(
      {std::move(key), blob_view{data, head->size, owner_}});
  }

  list_page finish() {
    return std::move(page_);
  }

  size_t size() const noexcept {
    return page_.entries.size();
  }

  const std::string& last_key() const {
    return page_.entries.back().key;
  }

  void set_next(std::string cursor) {
    page_.next = std::move(cursor);
  }

private:
  /// Metadata of which nobody told the size when it was written. Without a
  /// snapshot the blob may be another one by now, or gone.
  void add_from_chunks(std::string key) {
    wanted_.key = key;
    auto found = std::move(snapshot_
                             ? read_blobs(db_, *snapshot_, {&wanted_, 1})[0]
                             : read_blobs(db_, {&wanted_, 1})[0]);
    if (!found)
      page_.entries.push_back({std::move(key), fail(found.error())});
    else if (*found)
      page_.entries.push_back({std::move(key), std::move(**found)});
  }

  const rocks_database& db_;
  const rocksdb::Snapshot* snapshot_;
  read_request wanted_; ///< of a blob whose key is filled in
  list_page page_;
  page_memory memory_;
  std::shared_ptr<const void> owner_ = memory_.owner();
};

} // namespace

expected<list_page> list_blobs(const rocks_database& db,
                               const rocksdb::Snapshot* snapshot,
                               const list_request& request) {
  if (auto ok = check_list_request(request); !ok)
    return fail(ok.error());
  auto start = request.prefix;
  if (!request.after.empty()) {
    auto last = decode_cursor(request);
    if (!last)
      return fail(last.error());
    start = std::move(*last);
    start += '\0'; // the next possible key
  }
  auto end = end_of(request.prefix);
  rocksdb::Slice bound{end};
  rocksdb::ReadOptions options;
  // Heads are erased one by one. Looking for erased ranges as well, an iterator
  // of RocksDB 7 takes a table that it cannot read for the end, without error.
  options.ignore_range_deletions = true;
  options.snapshot = snapshot;
  if (!end.empty())
    options.iterate_upper_bound = &bound;
  std::unique_ptr<rocksdb::Iterator> i{
    db.db().NewIterator(options, db.heads())};
  page_builder page{db, snapshot, request};
  for (i->Seek(start); i->Valid() && page.size() < request.limit; i->Next())
    page.add(i->key().ToString(), to_view(i->value()));
  if (!i->status().ok())
    return fail(to_error(i->status(), "cannot list " + db.config().dir));
  if (i->Valid())
    page.set_next("k" + to_hex(as_bytes(page.last_key())));
  return page.finish();
}

} // namespace larder::detail
