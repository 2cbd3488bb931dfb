// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Memory for the blobs that engines hand out.

#pragma once

#include "larder/bytes.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace larder::detail {

/// Returns memory for a blob, its bytes being anything. Pieces of the sizes
/// that `malloc` gives back to the system are kept and given out again, up to
/// `max_idle_blob_memory` of them: touching fresh pages takes as long as
/// reading into them. Any thread may allocate and let go.
std::shared_ptr<std::byte[]> allocate_blob(size_t size);

/// How much memory is kept for later at most, in bytes; in all of the process.
constexpr size_t max_idle_blob_memory = size_t{16} << 20;

/// How much is kept now.
size_t idle_blob_memory();

/// For how many keys of a page room is made at once: a larger limit may be far
/// more than there are.
constexpr size_t most_reserved = 1000;

/// Memory for the blobs of a page, which share it. What was allocated stays
/// where it is.
class page_memory {
public:
  page_memory();

  /// Returns `size` bytes, which are anything. With 0 nothing is allocated.
  std::span<std::byte> allocate(size_t size);

  /// Keeps all that was allocated.
  std::shared_ptr<const void> owner() const;

private:
  struct blocks;

  std::shared_ptr<blocks> blocks_;
  std::span<std::byte> rest_;
};

} // namespace larder::detail
