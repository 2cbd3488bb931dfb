// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/chain.hpp"
#include "larder/detail/record_input.hpp"
#include "larder/internal/log_data.hpp"

#include <optional>

namespace larder::detail {

/// Reads the append log that a record of an archive holds: the head, then its
/// segments.
class log_input {
public:
  /// @param in at the beginning of the record; must outlive this object
  /// @param blobs decodes the blobs of the store that was saved; likewise
  log_input(archive_reader& in, const chain& blobs);

  const archive_record& record() const noexcept {
    return record_;
  }

  /// Metadata and head; to be called first, and once.
  expected<document> read_head();

  const internal::log_head& head() const noexcept {
    return head_;
  }

  /// The entries of the next segment, which follow those before without gaps;
  /// none after the last. Only after that the log is known to be good.
  expected<std::vector<value>> next();

  /// Bytes of all blobs so far.
  uint64_t size() const noexcept {
    return size_;
  }

  /// Reads the rest of the record, whatever it is.
  /// @returns `conflict` if it is taken back in the end
  expected<void> finish();

  /// Why the archive cannot be read on, if so.
  const std::optional<error>& broken() const noexcept {
    return blob_->broken();
  }

private:
  expected<bool> advance();
  expected<document> decode();

  archive_reader& in_;
  const chain& blobs_;
  archive_record record_;
  std::optional<record_input> blob_;
  internal::log_head head_;
  uint64_t number_ = 0;   // of the next segment
  uint64_t position_ = 0; // of its first entry
  uint64_t size_ = 0;
};

} // namespace larder::detail
