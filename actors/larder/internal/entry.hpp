// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The state of one key in memory.

#pragma once

#include "larder/backend.hpp"
#include "larder/metadata.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace larder::internal {

/// A staged blob whose header and metadata are still to be filled in.
struct staged_content {
  std::shared_ptr<staged_blob> blob;
  std::function<expected<bytes>(int64_t last_write)> make_prefix;
};

/// What a key holds: as it is in the engine, or as it will be.
struct entry {
  /// Whether there is a blob. It may have expired: see `live`.
  bool present = false;

  metadata meta;

  /// The value, if `has_content`; never for binaries.
  value content;
  bool has_content = false;

  /// A new binary: its blob, or the stream that was written.
  std::shared_ptr<const bytes> new_blob;
  std::shared_ptr<const staged_content> new_stream;

  /// Whether the key exists for operations at the time `now`.
  bool live(int64_t now) const noexcept {
    return present && !meta.expired(now);
  }

  bool is_binary() const noexcept {
    return meta.type == content_type::binary;
  }

  /// Memory that this keeps alive, in bytes, roughly.
  size_t footprint() const noexcept {
    return sizeof(entry) + meta.key.footprint() + meta.extras.footprint()
           + content.footprint();
  }
};

} // namespace larder::internal
