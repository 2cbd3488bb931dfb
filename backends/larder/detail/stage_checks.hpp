// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What every engine asks of a staged blob, see `staged_blob`. All errors are
/// `invalid_argument`.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <cstdint>
#include <string>

namespace larder::detail {

/// Checks that nothing has ended the blob yet.
inline expected<void> check_stage_open(bool open) {
  if (!open)
    return fail(errc::invalid_argument,
                "the blob is committed already, or a write of it failed");
  return {};
}

/// Checks that a prefix has the size that `stage` was told.
inline expected<void> check_stage_prefix(bytes_view prefix,
                                         uint64_t announced) {
  if (prefix.size() != announced)
    return fail(errc::invalid_argument,
                "the prefix has " + std::to_string(prefix.size())
                  + " bytes, announced were " + std::to_string(announced));
  return {};
}

/// Checks that a blob can be committed.
/// @param is_its_place whether that is to the store and key it was staged for
inline expected<void> check_stage_complete(bool is_its_place, bool has_prefix) {
  if (!is_its_place)
    return fail(errc::invalid_argument,
                "the blob was staged for another key or store");
  if (!has_prefix)
    return fail(errc::invalid_argument, "the prefix was not filled in");
  return {};
}

} // namespace larder::detail
