// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The life cycle of a store in a directory.

#pragma once

#include "engines/rocksdb/config.hpp"

#include "larder/backend.hpp"

#include <memory>
#include <string>

namespace larder::detail {

/// Name of the file that makes a directory a store.
constexpr std::string_view rocks_identity_file = "larder-rocksdb";

/// Its name until the database in the directory has been made.
constexpr std::string_view rocks_creating_file = "larder-rocksdb.new";

/// Its name while the store is being destroyed.
constexpr std::string_view rocks_destroyed_file = "larder-rocksdb.destroyed";

/// Makes the directory with missing parents and an empty store in it, and opens
/// it. What a creation that was interrupted has left does not disturb.
/// @returns `already_exists`, `invalid_argument` for a directory that has
///          other content, `locked`, `io_error`
expected<std::unique_ptr<backend>> create_rocks_store(rocks_config config);

/// Opens a store.
/// @returns `not_found`, `locked`, `corruption`, `unsupported` for a store of a
///          later format, `io_error`
expected<std::unique_ptr<backend>> open_rocks_store(rocks_config config);

/// Returns whether there is a store.
expected<bool> rocks_store_exists(const rocks_config& config);

/// Removes the store, or what an interrupted removal has left of it. Files that
/// are not the store's stay.
/// @returns `not_found`, `locked`, and `io_error` that names what has stayed
expected<void> destroy_rocks_store(const rocks_config& config);

} // namespace larder::detail
