// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages that bring a store under another encryption key while it is in use;
/// docs/operations.md says how a key is replaced.

#pragma once

#include "larder/messages/collection.hpp"
#include "larder/messages/common.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larder {

/// Writes blobs again that are not encrypted with the primary key of the
/// store's keyring: values, binaries and append logs, and what larder keeps for
/// itself. What a key holds, its metadata, expiry and time of the last write
/// stay; its revision is a new one, since each is a conditional commit of its
/// own. Blobs that somebody else writes meanwhile are left to him.
/// -> rekey_reply
/// Errors: `invalid_argument` if the store does not encrypt or for a limit of
/// 0, `overloaded` while another such request is under way. After an error, and
/// after a crash at any moment, begin again: what is done stays done.
struct rekey_request {
  using reply_type = struct rekey_reply;

  /// `rekey_reply::next` of the request before; empty: the start.
  std::string after;
  /// Greatest number of blobs to look at; at most 10,000 are.
  uint64_t limit = 1000;
  /// Only count.
  bool dry_run = false;

  static constexpr auto fields(auto& x) {
    return std::tie(x.after, x.limit, x.dry_run);
  }
};

/// Blobs that are encrypted with a key.
struct key_use {
  /// The id of the key; 0 for blobs that are not encrypted.
  uint64_t key_id = 0;
  uint64_t blobs = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key_id, x.blobs);
  }
};

struct rekey_reply {
  /// Blobs looked at; if it is more than a page takes, some of them again.
  uint64_t examined = 0;
  /// Blobs written again.
  uint64_t rekeyed = 0;
  /// Bytes of these, as they were stored.
  uint64_t bytes = 0;
  /// Keys that could not be read or written, and why.
  std::vector<undecided_key> failed;
  /// Blobs that were found and left under other keys than the primary one.
  std::vector<key_use> left;
  /// The id of the primary key.
  uint64_t primary = 0;
  /// Where to go on; nothing: this was the last page.
  std::optional<std::string> next;

  static constexpr auto fields(auto& x) {
    return std::tie(x.examined, x.rekeyed, x.bytes, x.failed, x.left, x.primary,
                    x.next);
  }
};

} // namespace larder
