// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Encoding blobs again, with the primary encryption key. The functions block.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/context.hpp"

#include <optional>
#include <string>
#include <vector>

namespace larder::internal {

/// A blob that is not encrypted with the primary key.
struct old_blob {
  std::string encoded;
  header head;
  uint64_t size = 0;
};

/// A page of what is stored.
struct rekey_page {
  uint64_t examined = 0;
  std::vector<old_blob> old;
  std::vector<undecided_key> failed;
  std::string next; ///< empty: the last page
};

/// Lists blobs, and finds those that are old.
/// @param primary the id of the primary key
expected<rekey_page> find_old_blobs(store_context& ctx,
                                    const rekey_request& req, uint32_t primary);

/// Encodes a hidden blob again.
/// @returns nothing if it is not there any more or must be left alone: a lease
expected<std::optional<mutation>> rekey_hidden(store_context& ctx,
                                               const old_blob& what);

/// Encodes a binary again: in memory if it is small, or else as a stream.
/// @returns nothing if it is not there any more
expected<std::optional<rekey_key>> rekey_binary(store_context& ctx,
                                                const old_blob& what);

} // namespace larder::internal
