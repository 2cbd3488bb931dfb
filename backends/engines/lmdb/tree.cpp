// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "tree.hpp"

#include "environment.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr auto dbi = lmdb_environment::dbi;

/// The root of all branches.
constexpr uint64_t root = 0;

lmdb_key start_of(uint64_t branch) {
  lmdb_key result{branch == root ? lmdb_kind::root : lmdb_kind::branch};
  if (branch != root)
    result.add_number(branch);
  return result;
}

/// The key of a last segment.
lmdb_key leaf_key(uint64_t branch, std::string_view segment) {
  auto result = start_of(branch);
  result.add(as_bytes(segment));
  return result;
}

/// The key that leads from `branch` on to another. Being one byte longer than
/// any last segment, it comes behind the one with the same bytes, and before
/// all greater ones.
lmdb_key link_key(uint64_t branch, std::string_view rest) {
  auto result = start_of(branch);
  result.add(as_bytes(rest.substr(0, lmdb_segment_size)));
  result.add(std::byte{0});
  return result;
}

int get(MDB_txn* txn, const lmdb_key& key, bytes_view& out) {
  auto name = key.val();
  MDB_val data{};
  auto rc = mdb_get(txn, dbi, &name, &data);
  out = lmdb_bytes(data);
  return rc;
}

int find_branch(MDB_txn* txn, const lmdb_key& link, uint64_t& out) {
  bytes_view data;
  if (auto rc = get(txn, link, data); rc != 0)
    return rc;
  auto id = lmdb_link::parse(data);
  if (!id)
    return MDB_CORRUPTED;
  out = *id;
  return 0;
}

/// Returns an id that no branch has.
int free_branch(MDB_txn* txn, uint64_t& out) {
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  // What comes before the stages is the last branch or a key of the root.
  auto bound = lmdb_key{lmdb_kind::stage};
  auto name = bound.val();
  MDB_val data{};
  auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_SET_RANGE);
  rc = mdb_cursor_get(cursor.get(), &name, &data,
                      rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
  if (rc != 0)
    return rc;
  auto found = lmdb_bytes(name);
  out = 1;
  if (found[0] == static_cast<std::byte>(lmdb_kind::branch)) {
    if (found.size() < 1 + sizeof(uint64_t))
      return MDB_CORRUPTED;
    out = load_big_endian<uint64_t>(&found[1]) + 1;
  }
  return 0;
}

/// Goes down to the branch of the last segment of `key`.
/// @param key loses the segments before
int descend(MDB_txn* txn, uint64_t& branch, std::string_view& key) {
  branch = root;
  while (key.size() > lmdb_segment_size) {
    if (auto rc = find_branch(txn, link_key(branch, key), branch); rc != 0)
      return rc;
    key.remove_prefix(lmdb_segment_size);
  }
  return 0;
}

/// Makes the branches that are missing on the way, which needs ids one after
/// the other because a branch is empty until its key is put.
int make_branches(MDB_txn* txn, std::string_view key) {
  uint64_t fresh = 0;
  for (auto branch = root; key.size() > lmdb_segment_size;
       key.remove_prefix(lmdb_segment_size)) {
    auto link = link_key(branch, key);
    auto rc = find_branch(txn, link, branch);
    if (rc == MDB_NOTFOUND) {
      rc = fresh == 0 ? free_branch(txn, fresh) : 0;
      if (rc != 0)
        return rc;
      branch = fresh++;
      auto content = lmdb_link::print(branch);
      auto name = link.val();
      MDB_val data{content.size(), content.data()};
      rc = mdb_put(txn, dbi, &name, &data, 0);
    }
    if (rc != 0)
      return rc;
  }
  return 0;
}

int is_empty(MDB_txn* txn, uint64_t branch, bool& out) {
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  auto start = start_of(branch);
  auto name = start.val();
  MDB_val data{};
  auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_SET_RANGE);
  auto wanted = as_chars(start.view());
  out = rc == MDB_NOTFOUND || !as_chars(lmdb_bytes(name)).starts_with(wanted);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int remove(MDB_txn* txn, const lmdb_key& key) {
  auto name = key.val();
  return mdb_del(txn, dbi, &name, nullptr);
}

} // namespace

int open_cursor(MDB_txn* txn, lmdb_cursor& out) {
  MDB_cursor* result = nullptr;
  auto rc = mdb_cursor_open(txn, dbi, &result);
  out.reset(result);
  return rc;
}

int lmdb_find(MDB_txn* txn, std::string_view key,
              std::optional<lmdb_record>& out) {
  uint64_t branch = root;
  if (auto rc = descend(txn, branch, key); rc != 0)
    return rc;
  bytes_view data;
  if (auto rc = get(txn, leaf_key(branch, key), data); rc != 0)
    return rc;
  out = lmdb_record::parse(data);
  return 0;
}

int lmdb_put(MDB_txn* txn, std::string_view key, const lmdb_record& x) {
  if (auto rc = make_branches(txn, key); rc != 0)
    return rc;
  uint64_t branch = root;
  if (auto rc = descend(txn, branch, key); rc != 0)
    return rc;
  auto leaf = leaf_key(branch, key);
  auto name = leaf.val();
  MDB_val data{lmdb_record::head_size + x.head.size(), nullptr};
  if (auto rc = mdb_put(txn, dbi, &name, &data, MDB_RESERVE); rc != 0)
    return rc;
  auto* dst = static_cast<std::byte*>(data.mv_data);
  x.store(dst);
  std::copy(x.head.begin(), x.head.end(), dst + lmdb_record::head_size);
  return 0;
}

int lmdb_erase(MDB_txn* txn, std::string_view key) {
  uint64_t branch = root;
  std::vector<std::pair<lmdb_key, uint64_t>> links;
  for (; key.size() > lmdb_segment_size; key.remove_prefix(lmdb_segment_size)) {
    auto link = link_key(branch, key);
    if (auto rc = find_branch(txn, link, branch); rc != 0)
      return rc;
    links.emplace_back(link, branch);
  }
  if (auto rc = remove(txn, leaf_key(branch, key)); rc != 0)
    return rc;
  for (; !links.empty(); links.pop_back()) {
    auto empty = false;
    auto rc = is_empty(txn, links.back().second, empty);
    if (rc == 0 && !empty)
      return 0;
    if (rc == 0)
      rc = remove(txn, links.back().first);
    if (rc != 0)
      return rc;
  }
  return 0;
}

// -- lmdb_walk ----------------------------------------------------------------

int lmdb_walk::start(MDB_txn* txn, std::string_view bound, bool exclusive) {
  if (auto rc = open_cursor(txn, cursor_); rc != 0)
    return rc;
  branches_.clear();
  key_.clear();
  auto branch = root;
  auto rest = bound;
  while (rest.size() > lmdb_segment_size) {
    auto link = link_key(branch, rest);
    auto rc = find_branch(txn, link, branch);
    if (rc == MDB_NOTFOUND) // whatever comes next here is greater
      return settle(seek(link));
    if (rc != 0)
      return rc;
    branches_.push_back(branch);
    key_ += rest.substr(0, lmdb_segment_size);
    rest.remove_prefix(lmdb_segment_size);
  }
  auto rc = settle(seek(leaf_key(branch, rest)));
  if (rc == 0 && exclusive && key_ == bound)
    return next();
  return rc;
}

int lmdb_walk::next() {
  key_.resize(branches_.size() * lmdb_segment_size);
  auto rc = get(MDB_NEXT);
  if (rc == 0)
    prefetch_page();
  return settle(rc);
}

/// Asks for a page as a whole when the walk enters it: its records lie about in
/// it, so that each would have to be waited for.
void lmdb_walk::prefetch_page() {
  constexpr uintptr_t page_size = 4096;
  constexpr uintptr_t line_size = 64;
  auto page = reinterpret_cast<uintptr_t>(name_.mv_data) / page_size;
  if (page == page_)
    return;
  page_ = page;
  for (auto at = page * page_size; at < (page + 1) * page_size; at += line_size)
    __builtin_prefetch(reinterpret_cast<const void*>(at));
}

int lmdb_walk::get(MDB_cursor_op op) {
  return mdb_cursor_get(cursor_.get(), &name_, &data_, op);
}

int lmdb_walk::seek(const lmdb_key& bound) {
  name_ = bound.val();
  return get(MDB_SET_RANGE);
}

/// Goes on from where the cursor is, down and up, to a record.
int lmdb_walk::settle(int rc) {
  for (;;) {
    if (rc != 0 && rc != MDB_NOTFOUND)
      return rc;
    auto branch = branches_.empty() ? root : branches_.back();
    auto start = start_of(branch);
    auto found = rc == 0 ? as_chars(lmdb_bytes(name_)) : std::string_view{};
    if (!found.starts_with(as_chars(start.view()))) {
      if (branch == root)
        return MDB_NOTFOUND;
      rc = leave_branch();
      continue;
    }
    auto segment = found.substr(start.view().size());
    if (segment.size() <= lmdb_segment_size) {
      key_ += segment;
      record_ = lmdb_record::parse(lmdb_bytes(data_));
      return 0;
    }
    auto child = lmdb_link::parse(lmdb_bytes(data_));
    if (!child || branches_.size() > lmdb_max_key_size / lmdb_segment_size)
      return MDB_CORRUPTED;
    key_ += segment.substr(0, lmdb_segment_size);
    branches_.push_back(*child);
    rc = seek(start_of(*child));
  }
}

/// Goes up, behind the link that led down.
int lmdb_walk::leave_branch() {
  branches_.pop_back();
  auto parent = branches_.empty() ? root : branches_.back();
  auto base = branches_.size() * lmdb_segment_size;
  auto link = link_key(parent, std::string_view{key_}.substr(base));
  key_.resize(base);
  auto rc = seek(link);
  return rc == 0 ? get(MDB_NEXT) : rc;
}

} // namespace larder::detail
