// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/archive.hpp"

#include <optional>

namespace larder::detail {

/// Reads ranges of one blob out of an archive that only goes forwards: of the
/// tail at any time, of the rest in ascending order.
class record_input {
public:
  /// @param in at the beginning of a record, or of a segment in it; must
  /// outlive
  ///           this object
  explicit record_input(archive_reader& in);

  const archive_record& record() const noexcept {
    return record_;
  }

  /// Reads `length` bytes of the blob from `offset`. What lies before `offset`
  /// is forgotten once `forget` has been called.
  expected<bytes> fetch(uint64_t offset, size_t length);

  /// From now on only what is to come is needed.
  void forget() noexcept {
    forgetful_ = true;
  }

  /// Reads the rest of the blob.
  /// @returns `conflict` if the record is taken back behind it
  expected<void> finish();

  /// Whether a segment follows, when the blob is finished.
  bool before_segment() const noexcept {
    return before_segment_;
  }

  /// Why the archive cannot be read on, if so.
  const std::optional<error>& broken() const noexcept {
    return broken_;
  }

private:
  expected<bool> advance();
  expected<void> read_up_to(uint64_t position);

  archive_reader& in_;
  archive_record record_;
  bytes tail_;
  bytes rest_;         // the bytes from `begin_` on
  uint64_t begin_ = 0; // of `rest_` in the blob
  bool forgetful_ = false;
  bool ended_ = false;
  bool aborted_ = false;
  bool before_segment_ = false;
  std::optional<error> broken_;
};

} // namespace larder::detail
