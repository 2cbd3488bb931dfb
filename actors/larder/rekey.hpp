// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Bringing a store under another encryption key, from code that is not an
/// actor; docs/operations.md tells how. Actors send the requests of
/// messages/rekey.hpp themselves.

#pragma once

#include "larder/blocking_client.hpp"

#include <cstdint>
#include <functional>
#include <map>

namespace larder {

struct rekey_options {
  /// Only count what is encrypted with which key.
  bool dry_run = false;

  /// How many blobs to look at per request.
  uint64_t page_size = 1000;
};

/// What rekeying has done so far.
struct rekey_summary {
  /// Blobs written again, and their bytes as they were stored.
  uint64_t rekeyed = 0;
  uint64_t bytes = 0;
  /// Keys that could not be read or written.
  uint64_t failed = 0;
  /// Blobs that are there in the end, those that larder keeps for itself
  /// included.
  uint64_t blobs = 0;
  /// Of these, how many there are under each other key than the primary one; 0
  /// stands for no encryption. If it is empty, the other keys are not needed
  /// any more.
  std::map<uint64_t, uint64_t> left;
  /// The id of the primary key.
  uint64_t primary = 0;
};

/// Is told of each page. Returns whether to go on.
using rekey_observer
  = std::function<bool(const rekey_reply&, const rekey_summary&)>;

/// Writes all blobs again that are not encrypted with the primary key, then
/// looks what is left: whoever else writes to the store, with a keyring of his
/// own, may still use another key.
/// @returns errors as rekey_request, `closed` if the observer has stopped it;
///          what has been done stays done
expected<rekey_summary> rekey(blocking_client& client,
                              const rekey_options& options = {},
                              const rekey_observer& observer = {});

} // namespace larder
