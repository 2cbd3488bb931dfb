// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which keys an archive, or a full one with those that build on it, has.

#pragma once

#include "larder/archive.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace larder {

/// The keys of an archive with their revisions: 40 bytes of memory per key,
/// however long it is. Immutable when made, hence usable from any thread.
class archive_index {
public:
  /// Reads (and so checks) a whole archive.
  /// @param check_blobs whether to check each blob's own checksums as well
  /// @returns `corruption`, also for a key that occurs twice, and what the
  ///          source fails with
  static expected<archive_index> read(archive_reader& from,
                                      bool check_blobs = false);

  const archive_header& head() const noexcept {
    return head_;
  }

  const archive_counts& counts() const noexcept {
    return counts_;
  }

  /// Checks that nothing below is missing: that the first archive is full.
  /// @returns `invalid_argument`
  expected<void> check_complete() const;

  /// Number of keys.
  size_t size() const noexcept {
    return entries_.size();
  }

  /// Returns the revision of a key, or null if the archive does not name it.
  /// @param key encoded
  const revision* find(std::string_view key) const;

  /// Puts `next`, which builds on this archive, on top: what is left are its
  /// keys, each with the number of the archive that has its blob.
  /// @returns `invalid_argument` if `next` builds on another one, `corruption`
  ///          if what it calls unchanged is not there
  expected<void> add(archive_index next);

  /// Whether the blob of a key is to be taken from the archive `number`, where
  /// the first one is 0 and each `add` counts.
  bool takes_from(std::string_view key, uint32_t number) const;

private:
  using digest = std::array<uint64_t, 2>;

  struct entry {
    digest key;
    revision rev;
    uint32_t archive; // that has the blob
  };

  static constexpr uint32_t earlier = UINT32_MAX;

  static digest digest_of(std::string_view key);
  const entry* lookup(const digest& key) const;

  archive_header head_;
  std::optional<uuid> missing_base_;
  archive_counts counts_;
  std::vector<entry> entries_; // sorted
  uint32_t added_ = 0;
};

} // namespace larder
