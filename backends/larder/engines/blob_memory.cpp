// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_memory.hpp"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <vector>

namespace larder::detail {

namespace {

/// Smaller pieces come from malloc, which keeps them, and larger ones are
/// filled for so long that a page more or less does not matter.
constexpr size_t min_kept_size = size_t{32} << 10;
constexpr size_t max_kept_size = size_t{1} << 20;

/// Pieces have one of eight sizes between a power of two and the next.
size_t rounded_up(size_t size) {
  auto step = std::bit_floor(size) / 8;
  return (size + step - 1) / step * step;
}

class pool {
public:
  using piece = std::unique_ptr<std::byte[]>;

  /// Returns the piece that was let go last, for it may be in a cache still.
  piece take(size_t size) {
    {
      std::lock_guard guard{mutex_};
      auto fits = [size](const entry& x) { return x.size == size; };
      auto i = std::find_if(idle_.rbegin(), idle_.rend(), fits);
      if (i != idle_.rend()) {
        auto result = std::move(i->memory);
        idle_.erase(std::next(i).base());
        idle_size_ -= size;
        ASAN_UNPOISON_MEMORY_REGION(result.get(), size);
        return result;
      }
    }
    return std::make_unique_for_overwrite<std::byte[]>(size);
  }

  void give_back(piece memory, size_t size) noexcept {
    std::lock_guard guard{mutex_};
    if (idle_size_ + size > max_idle_blob_memory || idle_.size() == max_pieces)
      return;
    // For the address sanitizer, what is idle has been freed.
    ASAN_POISON_MEMORY_REGION(memory.get(), size);
    idle_.push_back({size, std::move(memory)}); // there is room
    idle_size_ += size;
  }

  size_t idle_size() {
    std::lock_guard guard{mutex_};
    return idle_size_;
  }

  pool() {
    idle_.reserve(max_pieces);
  }

private:
  static constexpr size_t max_pieces = max_idle_blob_memory / min_kept_size;

  struct entry {
    size_t size;
    piece memory;
  };

  std::mutex mutex_;
  std::vector<entry> idle_; ///< the last ones come last
  size_t idle_size_ = 0;
};

/// Never destroyed: blobs may outlive everything else.
pool& shared_pool() {
  static auto& result = *new pool;
  return result;
}

} // namespace

std::shared_ptr<std::byte[]> allocate_blob(size_t size) {
  if (size < min_kept_size || size > max_kept_size)
    return std::make_shared_for_overwrite<std::byte[]>(size);
  auto& source = shared_pool();
  auto full_size = rounded_up(size);
  auto give_back = [&source, full_size](std::byte* ptr) {
    source.give_back(pool::piece{ptr}, full_size);
  };
  return {source.take(full_size).release(), give_back};
}

size_t idle_blob_memory() {
  return shared_pool().idle_size();
}

// -- page_memory --------------------------------------------------------------

namespace {

constexpr size_t block_size = size_t{64} << 10;

} // namespace

struct page_memory::blocks {
  std::vector<std::shared_ptr<std::byte[]>> all;
};

page_memory::page_memory() : blocks_(std::make_shared<blocks>()) {
  // nop
}

std::span<std::byte> page_memory::allocate(size_t size) {
  if (size > rest_.size()) {
    auto fresh = std::max(size, block_size);
    auto& block = blocks_->all.emplace_back(allocate_blob(fresh));
    rest_ = {block.get(), fresh};
  }
  auto result = rest_.first(size);
  rest_ = rest_.subspan(size);
  return result;
}

std::shared_ptr<const void> page_memory::owner() const {
  return blocks_;
}

} // namespace larder::detail
