// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "stage.hpp"

#include "schema.hpp"

#include "larder/detail/exceptions.hpp"
#include "larder/detail/stage_checks.hpp"

#include <new>
#include <tuple>

namespace larder::detail::sqlite {

staged::staged(std::shared_ptr<state> store, std::string_view key,
               uint64_t prefix_size)
  : store_(std::move(store)),
    key_(key),
    prefix_size_(prefix_size),
    size_(prefix_size),
    has_prefix_(prefix_size == 0) {
  store_->stages.fetch_add(1, std::memory_order_relaxed);
}

staged::~staged() {
  store_->stages.fetch_sub(1, std::memory_order_relaxed);
  if (!first_chunk_)
    return;
  try {
    std::lock_guard guard{store_->out.mutex()};
    store_->out.discard_chunks(*first_chunk_);
  } catch (const std::bad_alloc&) {
    // The next writer finds them when this process has ended.
  }
}

expected<void> staged::check_open() const {
  return check_stage_open(open_);
}

expected<void> staged::append(bytes_view data) {
  if (auto ok = check_open(); !ok)
    return ok;
  if (data.size() > max_blob_size - size_)
    return fail(errc::limit_exceeded, "the blob has more than "
                                        + std::to_string(max_blob_size)
                                        + " bytes");
  // Pieces of any size, in bounded memory.
  while (!data.empty()) {
    auto room = max_inline_size + chunk_size - buffer_.size();
    auto part = data.first(std::min<uint64_t>(data.size(), room));
    try {
      larder::append(buffer_, part);
      size_ += part.size();
      data = data.subspan(part.size());
      if (buffer_.size() <= max_inline_size)
        continue;
      if (auto ok = flush(); !ok) {
        open_ = false;
        return ok;
      }
    } catch (const std::bad_alloc&) {
      open_ = false;
      return fail(out_of_memory());
    }
  }
  return {};
}

expected<void> staged::set_prefix(bytes_view data) {
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

expected<void> staged::check_complete(const state& store,
                                      const std::string& key) const {
  if (auto ok = check_open(); !ok)
    return ok;
  return check_stage_complete(&store == store_.get() && key == key_,
                              has_prefix_);
}

/// Moves whole chunks from the buffer to the database. They need not be durable
/// before the blob is.
expected<void> staged::flush() {
  auto whole = buffer_.size() - buffer_.size() % chunk_size;
  auto& out = store_->out;
  std::lock_guard guard{out.mutex()};
  auto ok = out.begin(false);
  if (ok)
    ok = write(bytes_view{buffer_}.first(whole));
  if (ok)
    ok = out.commit();
  if (!ok) {
    out.rollback();
    if (num_chunks_ == 0)
      first_chunk_.reset();
    return ok;
  }
  num_chunks_ += static_cast<int64_t>(whole / chunk_size);
  buffer_.erase(buffer_.begin(),
                buffer_.begin() + static_cast<ptrdiff_t>(whole));
  out.tidy();
  return {};
}

expected<void> staged::write(bytes_view data) {
  auto& out = store_->out;
  if (!first_chunk_) {
    auto first = out.reserve_chunks();
    if (!first)
      return fail(first.error());
    if (auto ok = out.own_chunks(*first); !ok)
      return ok;
    first_chunk_ = *first;
  }
  return out.put_chunks(*first_chunk_ + num_chunks_, data);
}

expected<void> staged::finish_chunks(writer& out) {
  if (auto ok = out.adopt_chunks(*first_chunk_); !ok)
    return ok;
  return out.put_chunks(*first_chunk_ + num_chunks_, buffer_);
}

} // namespace larder::detail::sqlite
