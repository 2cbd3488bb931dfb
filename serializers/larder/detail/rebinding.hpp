// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Taking blobs over from another store as they are.

#pragma once

#include "larder/detail/hash_stream.hpp"
#include "larder/header.hpp"
#include "larder/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace larder::detail {

/// Gives one blob of layout 2 to another store, under the same key: its
/// segments stay as they are, its checksums are verified and made anew, since
/// they are bound to the store (docs/format.md). What is encrypted is bound by
/// more than checksums, and refused. Plain binaries have no checksum. Memory:
/// metadata and index.
class rebinding {
public:
  rebinding(const uuid& from, const uuid& to, std::string key);

  /// Takes header and metadata, and of a chunked value what follows the chunks.
  /// @returns `corruption`, `unsupported`; nothing may follow then
  expected<void> begin(bytes prefix, bytes index);

  /// Takes the next bytes of the value (of a chunked one: of the chunks).
  expected<void> update(bytes_view data);

  /// @pre all bytes have been there
  expected<void> finish();

  /// Header and metadata.
  /// @pre `finish` has returned
  const bytes& prefix() const noexcept {
    return prefix_;
  }

  /// What follows the chunks; empty unless there are any.
  /// @pre `finish` has returned
  const bytes& index() const noexcept {
    return index_;
  }

private:
  expected<void> begin_chunks();
  expected<void> settle();

  uuid from_;
  uuid to_;
  std::string key_;
  header header_;
  bytes prefix_;
  bytes index_;
  uint64_t chunks_ = 0;
  uint64_t chunk_ = 0; // number of the next
  bytes old_binding_;  // of chunks
  bytes new_binding_;

  // The segment whose bytes are going by.
  std::optional<hash_stream> old_hash_;
  std::optional<hash_stream> new_hash_;
  uint64_t left_ = 0;
};

/// Rebinds a whole blob.
/// @returns as `rebinding`
expected<bytes> rebind(const uuid& from, const uuid& to, std::string_view key,
                       bytes_view blob);

/// Where the index of a blob's chunks begins; the blob's size without chunks.
/// @param trailer the last `trailer_size` bytes of the blob
/// @returns `corruption` if there is no room for it
expected<uint64_t> index_offset(const header& h, bytes_view trailer);

} // namespace larder::detail
