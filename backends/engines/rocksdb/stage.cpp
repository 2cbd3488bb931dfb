// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/stage.hpp"

#include "larder/detail/stage_checks.hpp"

#include <algorithm>
#include <new>

namespace larder::detail {

void put_head(const rocks_database& db, rocksdb::WriteBatch& batch,
              std::string_view key, uint64_t size, uint64_t generation,
              bytes_view start) {
  auto fixed = blob_head{size, generation, {}}.encode();
  rocksdb::Slice name{key.data(), key.size()};
  rocksdb::Slice parts[] = {to_slice(fixed), to_slice(start)};
  batch.Put(db.heads(), {&name, 1}, {parts, 2});
}

rocks_staged_blob::rocks_staged_blob(std::shared_ptr<rocks_database> db,
                                     std::string_view key, uint64_t prefix_size)
  : db_(std::move(db)),
    key_(key),
    prefix_size_(prefix_size),
    front_size_(
      std::max<uint64_t>(1, (prefix_size + chunk_size - 1) / chunk_size)
      * chunk_size),
    size_(prefix_size),
    front_(prefix_size),
    has_prefix_(prefix_size == 0) {
  db_->stages.fetch_add(1, std::memory_order_relaxed);
}

rocks_staged_blob::~rocks_staged_blob() {
  db_->stages.fetch_sub(1, std::memory_order_relaxed);
  try {
    discard();
  } catch (const std::bad_alloc&) {
    // The next session removes it.
  }
}

void rocks_staged_blob::discard() {
  if (finished_ || num_written_ == 0)
    return;
  rocksdb::WriteBatch batch;
  auto front = front_size_ / chunk_size;
  for (auto i = front; i < front + num_written_; ++i)
    batch.SingleDelete(db_->chunks(), to_slice(make_chunk_key(generation_, i)));
  batch.Delete(db_->notes(), to_slice(make_note_key(generation_)));
  static_cast<void>(db_->write_hidden(batch)); // or the next session does it
}

expected<void> rocks_staged_blob::check_open() const {
  return check_stage_open(!finished_);
}

// -- writing ------------------------------------------------------------------

expected<void> rocks_staged_blob::append(bytes_view data) {
  if (auto ok = check_open(); !ok)
    return ok;
  if (data.size() > db_->config().max_blob_size - size_)
    return fail(errc::limit_exceeded,
                "the blob has more than the "
                  + std::to_string(db_->config().max_blob_size)
                  + " bytes that a rocksdb store takes");
  auto result = add(data);
  if (!result)
    finish();
  return result;
}

expected<void> rocks_staged_blob::add(bytes_view data) {
  auto fill = [&](bytes& buffer, uint64_t max) {
    auto part
      = data.first(std::min<uint64_t>(data.size(), max - buffer.size()));
    larder::append(buffer, part);
    data = data.subspan(part.size());
    size_ += part.size();
  };
  fill(front_, front_size_);
  while (!data.empty()) {
    if (tail_.empty() && data.size() >= chunk_size) {
      if (auto ok = write_chunk(data.first(chunk_size)); !ok)
        return ok;
      data = data.subspan(chunk_size);
      size_ += chunk_size;
      continue;
    }
    fill(tail_, chunk_size);
    if (tail_.size() < chunk_size)
      break;
    if (auto ok = write_chunk(tail_); !ok)
      return ok;
    tail_.clear();
  }
  return {};
}

expected<void> rocks_staged_blob::write_chunk(bytes_view data) {
  if (auto ok = db_->prepare_writing(); !ok)
    return ok;
  rocksdb::WriteBatch batch;
  if (generation_ == 0) {
    generation_ = db_->new_generation();
    batch.Put(db_->notes(), to_slice(make_note_key(generation_)), {});
  }
  auto index = front_size_ / chunk_size + num_written_;
  batch.Put(db_->chunks(), to_slice(make_chunk_key(generation_, index)),
            to_slice(data));
  if (auto ok = db_->write_hidden(batch); !ok)
    return ok;
  ++num_written_;
  return {};
}

expected<void> rocks_staged_blob::set_prefix(bytes_view data) {
  if (auto ok = check_open(); !ok)
    return ok;
  if (auto ok = check_stage_prefix(data, prefix_size_); !ok)
    return ok;
  std::copy(data.begin(), data.end(), front_.begin());
  has_prefix_ = true;
  return {};
}

// -- committing ---------------------------------------------------------------

expected<void> rocks_staged_blob::complete(const rocks_database& db,
                                           const std::string& key) const {
  if (auto ok = check_open(); !ok)
    return ok;
  return check_stage_complete(&db == db_.get() && key == key_, has_prefix_);
}

void rocks_staged_blob::put(rocksdb::WriteBatch& batch) {
  auto share = head_share(front_, size_);
  if (share < size_ && generation_ == 0)
    generation_ = db_->new_generation();
  put_head(*db_, batch, key_, size_, share < size_ ? generation_ : 0,
           bytes_view{front_}.first(share));
  if (share == size_)
    return;
  auto put_chunk = [&](uint64_t index, bytes_view data) {
    batch.Put(db_->chunks(), to_slice(make_chunk_key(generation_, index)),
              to_slice(data));
  };
  uint64_t index = 0;
  for (bytes_view rest{front_}; !rest.empty(); ++index) {
    auto part = rest.first(std::min<uint64_t>(rest.size(), chunk_size));
    put_chunk(index, part);
    rest = rest.subspan(part.size());
  }
  if (!tail_.empty())
    put_chunk(index + num_written_, tail_);
  if (num_written_ > 0)
    batch.Delete(db_->notes(), to_slice(make_note_key(generation_)));
}

} // namespace larder::detail
