// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <cstddef>
#include <cstdint>

namespace larder {

/// Bounds on what a reader accepts. They are checked before memory is
/// allocated, so hostile input costs no more than its own size.
struct limits {
  /// Nesting depth of collections, of paths and of text.
  size_t max_depth = 256;

  /// Decoded size of one value, in bytes (binaries are chunked and not bound by
  /// it).
  size_t max_value_size = size_t{1} << 30;

  /// Decoded size of one metadata segment, in bytes.
  size_t max_metadata_size = size_t{16} << 20;
};

} // namespace larder
