// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "stage.hpp"

#include "content.hpp"
#include "tree.hpp"

#include "larder/detail/exceptions.hpp"
#include "larder/detail/stage_checks.hpp"

#include <cerrno>
#include <new>
#include <tuple>

namespace larder::detail {

namespace {

constexpr auto dbi = lmdb_environment::dbi;

/// How much is written at once, with one sync.
constexpr size_t flush_size = 16 * lmdb_chunk_size;

int put_stage(MDB_txn* txn, uint64_t generation, uint64_t owner) {
  auto key = lmdb_stage_key(generation);
  auto name = key.val();
  std::array<std::byte, sizeof(owner)> content{};
  store_big_endian(content.data(), owner);
  MDB_val data{content.size(), content.data()};
  return mdb_put(txn, dbi, &name, &data, MDB_NOOVERWRITE);
}

int remove_stage(MDB_txn* txn, uint64_t generation) {
  auto key = lmdb_stage_key(generation);
  auto name = key.val();
  return mdb_del(txn, dbi, &name, nullptr);
}

int remove_staged(MDB_txn* txn, uint64_t generation) {
  auto rc = remove_stage(txn, generation);
  return rc == 0 ? lmdb_remove_chunks(txn, generation) : rc;
}

} // namespace

lmdb_staged_blob::lmdb_staged_blob(std::shared_ptr<lmdb_environment> env,
                                   lmdb_write_options options,
                                   std::string_view key, uint64_t prefix_size)
  : env_(std::move(env)),
    options_(options),
    key_(key),
    prefix_size_(prefix_size),
    has_prefix_(prefix_size == 0) {
  options_.size_hint = 2 * flush_size;
  env_->stages.fetch_add(1, std::memory_order_relaxed);
}

lmdb_staged_blob::~lmdb_staged_blob() {
  discard();
  env_->stages.fetch_sub(1, std::memory_order_relaxed);
}

expected<void> lmdb_staged_blob::check_open() const {
  return check_stage_open(!finished_);
}

uint64_t lmdb_staged_blob::size() const noexcept {
  return prefix_size_ + uint64_t{chunks_} * lmdb_chunk_size + buffer_.size();
}

expected<void> lmdb_staged_blob::append(bytes_view data) {
  if (auto ok = check_open(); !ok)
    return ok;
  if (auto ok = lmdb_check_blob_size(size() + data.size()); !ok)
    return ok;
  try {
    while (!data.empty()) {
      auto piece
        = data.first(std::min(data.size(), flush_size - buffer_.size()));
      larder::append(buffer_, piece);
      data = data.subspan(piece.size());
      if (buffer_.size() < flush_size)
        continue;
      if (auto ok = flush(); !ok) {
        finished_ = true;
        return ok;
      }
    }
  } catch (const std::bad_alloc&) {
    finished_ = true;
    return fail(out_of_memory());
  }
  return {};
}

expected<void> lmdb_staged_blob::flush() {
  auto generation = generation_;
  auto ok = env_->write(options_, [&](MDB_txn* txn) {
    auto rc = 0;
    if (generation_ == 0) {
      auto owner = env_->owner();
      if (owner == 0)
        return ENOLCK;
      rc = lmdb_next_generation(txn, generation);
      if (rc == 0)
        rc = put_stage(txn, generation, owner);
    }
    return rc == 0 ? lmdb_put_chunks(txn, generation, chunks_, buffer_) : rc;
  });
  if (!ok)
    return ok;
  generation_ = generation;
  chunks_ += flush_size / lmdb_chunk_size;
  buffer_.clear();
  return {};
}

expected<void> lmdb_staged_blob::set_prefix(bytes_view data) {
  if (auto ok = check_open(); !ok)
    return ok;
  if (auto ok = check_stage_prefix(data, prefix_size_); !ok)
    return ok;
  try {
    prefix_ = to_bytes(data);
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory());
  }
  has_prefix_ = true;
  return {};
}

expected<void> lmdb_staged_blob::check_complete(const lmdb_environment& env,
                                                const std::string& key) const {
  if (auto ok = check_open(); !ok)
    return ok;
  return check_stage_complete(&env == env_.get() && key == key_, has_prefix_);
}

int lmdb_staged_blob::put(MDB_txn* txn) const {
  lmdb_record record;
  record.blob_size = size();
  record.generation = generation_;
  record.head = prefix_;
  auto rc = 0;
  if (generation_ != 0)
    rc = remove_stage(txn, generation_);
  else if (!buffer_.empty())
    rc = lmdb_next_generation(txn, record.generation);
  if (rc == 0)
    rc = lmdb_put_chunks(txn, record.generation, chunks_, buffer_);
  return rc == 0 ? lmdb_put(txn, key_, record) : rc;
}

void lmdb_staged_blob::committed() noexcept {
  finished_ = true;
  generation_ = 0;
}

/// What cannot be removed now is removed by the first writer after the store
/// was opened anew.
void lmdb_staged_blob::discard() noexcept {
  if (generation_ != 0)
    std::ignore = env_->write(options_, [this](MDB_txn* txn) {
      return remove_staged(txn, generation_);
    });
}

// -- sweeping -----------------------------------------------------------------

int lmdb_sweep_orphan(MDB_txn* txn,
                      const std::function<bool(uint64_t owner)>& is_dead,
                      bool& more) {
  more = false;
  lmdb_cursor cursor;
  if (auto rc = open_cursor(txn, cursor); rc != 0)
    return rc;
  auto start = lmdb_key{lmdb_kind::stage};
  auto name = start.val();
  MDB_val data{};
  auto rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_SET_RANGE);
  for (; rc == 0; rc = mdb_cursor_get(cursor.get(), &name, &data, MDB_NEXT)) {
    auto key = lmdb_bytes(name);
    if (key[0] != start.view()[0])
      return 0;
    if (key.size() != 1 + sizeof(uint64_t) || data.mv_size != sizeof(uint64_t))
      return MDB_CORRUPTED;
    if (!is_dead(load_big_endian<uint64_t>(lmdb_bytes(data).data())))
      continue;
    auto generation = load_big_endian<uint64_t>(&key[1]);
    cursor.reset();
    more = true;
    return remove_staged(txn, generation);
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

} // namespace larder::detail
