// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The life cycle of a store in a directory.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/detail/file/state.hpp"

#include <memory>
#include <string>

namespace larder::detail {

/// Name of the file that makes a directory a store.
constexpr std::string_view identity_file = "larder-store";

/// Its name while the store is being destroyed.
constexpr std::string_view destroyed_file = "larder-store.destroyed";

/// Name of the record of groups that are being committed, see `group_gate`.
constexpr std::string_view groups_file = "groups";

/// Its name while it is being written.
constexpr std::string_view groups_staging_file = "groups.new";

/// Makes the directory with missing parents and an empty store in it, and opens
/// it. What a creation that was interrupted has left does not disturb.
/// @returns `already_exists`, `invalid_argument` for a directory that has
///          other content, `locked`, `io_error`
expected<std::unique_ptr<backend>>
create_file_store(file_config config, std::shared_ptr<file_ops> ops);

/// Opens a store.
/// @returns `not_found`, `locked`, `corruption`, `unsupported` for a store of a
///          later format, `io_error`
expected<std::unique_ptr<backend>>
open_file_store(file_config config, std::shared_ptr<file_ops> ops);

/// Returns whether there is a store in `dir`.
expected<bool> file_store_exists(const std::string& dir, file_ops& ops);

/// Removes the store in `dir`, or what an interrupted removal has left of it.
/// Files that are not the store's stay.
/// @returns `not_found`, `locked`, and `io_error` that names what has stayed
expected<void> destroy_file_store(const file_config& config,
                                  std::shared_ptr<file_ops> ops);

/// Makes the backend of an open store.
std::unique_ptr<backend> make_file_backend(std::shared_ptr<file_state> state);

} // namespace larder::detail
