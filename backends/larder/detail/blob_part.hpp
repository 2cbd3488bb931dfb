// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What engines need to know of a blob: its revision and where its parts end;
/// and what all engines refuse.

#pragma once

#include "larder/backend.hpp"

#include <algorithm>

namespace larder::detail {

/// Returns whether the blob that begins with `head` (at least its header) has
/// the revision `x`. A blob without one, also one whose header is damaged, has
/// the revision of zeros, so that it can be replaced by those who have seen it.
inline bool has_revision(bytes_view head, const revision& x) {
  auto hdr = header::decode(head);
  return (hdr ? hdr->rev : revision{}) == x;
}

/// Checks what must hold for a mutation of a key.
/// @param exists whether the key has a blob
/// @param is_same tells whether that has the revision of the condition; called
///                only if it counts
template <class F>
expected<void> check_precondition(const precondition& condition, bool exists,
                                  F is_same) {
  switch (condition.type) {
    case precondition::kind::none:
      break;
    case precondition::kind::absent:
      if (exists)
        return fail(errc::precondition_failed, "the key exists");
      break;
    case precondition::kind::matches:
      if (!exists)
        return fail(errc::precondition_failed, "the key does not exist");
      if (!is_same())
        return fail(errc::precondition_failed, "the key has another revision");
      break;
  }
  return {};
}

/// Refuses pages without keys and listings that read too much.
inline expected<void> check_list_request(const list_request& x) {
  if (x.limit == 0)
    return fail(errc::invalid_argument, "a page has at least one key");
  if (x.part > blob_part::metadata)
    return fail(errc::invalid_argument,
                "a listing reads no more than the metadata");
  return {};
}

/// Returns the bytes of `blob` that `part` names. The metadata of a blob whose
/// header is damaged is taken to be empty: what is wrong is the reader's to
/// find out.
inline bytes_view slice(bytes_view blob, blob_part part, uint64_t offset = 0,
                        uint64_t length = 0) {
  auto first = [&](uint64_t n) {
    return blob.first(std::min<uint64_t>(n, blob.size()));
  };
  switch (part) {
    case blob_part::none:
      return {};
    case blob_part::header:
      return first(header::max_size);
    case blob_part::metadata: {
      auto hdr = header::decode(blob);
      return first(hdr
                     ? std::max<uint64_t>(hdr->value_offset(), header::max_size)
                     : header::max_size);
    }
    case blob_part::all:
      return blob;
    case blob_part::range: {
      auto rest = blob.subspan(std::min<uint64_t>(offset, blob.size()));
      return rest.first(std::min<uint64_t>(length, rest.size()));
    }
  }
  return {};
}

} // namespace larder::detail
