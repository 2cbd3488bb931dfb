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
#include <string>
#include <vector>

namespace larder::internal {

/// A staged blob whose header and metadata are still to be filled in.
struct staged_content {
  std::shared_ptr<staged_blob> blob;
  std::function<expected<bytes>(int64_t last_write)> make_prefix;
};

/// A blob that belongs to a key and is written or erased (null) with it, in one
/// group.
struct side_mutation {
  std::string key;
  std::shared_ptr<const bytes> blob;
  precondition condition = {};
};

/// How much is known of a key.
enum class knowledge : uint8_t {
  existence, ///< the header: whether there is a blob, with which revision
  metadata,
  content, ///< metadata, and the value unless it is a binary
};

/// What a key holds: as it is in the engine, or as it will be.
struct entry {
  /// Whether there is a blob. It may have expired: see `live`.
  bool present = false;

  /// If there is no blob, `rev` and `last_write` may tell of its removal.
  metadata meta;

  /// The value or the head of a log, if `has_content`; never for binaries.
  value content;
  bool has_content = false;

  /// A new binary: its blob, or the stream that was written.
  std::shared_ptr<const bytes> new_blob;
  std::shared_ptr<const staged_content> new_stream;

  /// What else the next commit of the key has to write.
  std::vector<side_mutation> side;

  /// How much this tells of a key whose blob has been read.
  knowledge known() const noexcept {
    return !present || has_content || is_binary() ? knowledge::content
                                                  : knowledge::metadata;
  }

  /// Forgets what only a commit needs.
  void committed() noexcept {
    new_blob.reset();
    new_stream.reset();
    side.clear();
  }

  /// Whether the key exists for operations at the time `now`.
  bool live(int64_t now) const noexcept {
    return present && !meta.expired(now);
  }

  bool is_binary() const noexcept {
    return meta.type == content_type::binary;
  }

  bool is_log() const noexcept {
    return meta.type == content_type::append_log;
  }

  bool is_value() const noexcept {
    return meta.type == content_type::edn;
  }

  /// Memory that this keeps alive, in bytes, roughly.
  size_t footprint() const noexcept {
    return sizeof(entry) + meta.key.footprint() + meta.extras.footprint()
           + content.footprint();
  }
};

} // namespace larder::internal
