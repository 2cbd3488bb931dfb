// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/ops.hpp"

#include <optional>
#include <string>

namespace larder::detail {

/// Reads (a part of) the blob in the file `path`, whose name says `is_long`.
/// Changes nothing.
read_outcome read_blob(file_ops& ops, const std::string& path, bool is_long,
                       const read_request& request);

/// Reads the key of the blob in `path` from its trailer.
/// @returns nothing if there is no such file (any more), `corruption` if the
///          trailer is damaged
expected<std::optional<std::string>> read_long_key(file_ops& ops,
                                                   const std::string& path);

} // namespace larder::detail
