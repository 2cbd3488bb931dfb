// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "environment.hpp"

#include "larder/error.hpp"

#include <memory>
#include <string>

namespace larder::detail {

/// Makes an empty store in `dir`, which must be missing or empty but for what
/// an interrupted creation has left.
/// @returns `already_exists`, `invalid_argument` for other content
expected<void> create_lmdb_store(const std::string& dir,
                                 const std::shared_ptr<file_ops>& ops);

expected<bool> lmdb_store_exists(const std::string& dir, file_ops& ops);

/// Removes the store's files and `dir`. It stops to be a store with the first
/// one.
/// @returns `not_found`, `locked`, `io_error` if `dir` has other files, what
///          opening answers for a data file that is no store or damaged
expected<void> destroy_lmdb_store(const std::string& dir,
                                  const std::shared_ptr<file_ops>& ops);

} // namespace larder::detail
