// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The life cycle of a konserve store. As for konserve, a store is there if its
/// directory is; nothing in it tells of the store as such.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/konserve/state.hpp"

#include <memory>
#include <string>

namespace larder::detail::ksv {

/// Makes the directory with missing parents, or takes an empty one, and opens
/// the store in it.
/// @returns `already_exists` if there are files of konserve's,
///          `invalid_argument` if there are others, `io_error`
expected<std::unique_ptr<backend>> create_store(store_config config,
                                                std::shared_ptr<file_ops> ops);

/// Opens a store. Changes nothing.
/// @returns `not_found`, `locked`, `io_error`
expected<std::unique_ptr<backend>> open_store(store_config config,
                                              std::shared_ptr<file_ops> ops);

/// Opens a store without making a backend of it.
/// @returns as `open_store`
expected<std::shared_ptr<store_state>>
open_state(store_config config, std::shared_ptr<file_ops> ops);

/// Reads a configuration from a URI.
/// @returns `invalid_argument`, `io_error` for a key that cannot be read
expected<store_config> parse_config(uri x);

/// Returns whether there is a directory.
expected<bool> store_exists(const std::string& dir, file_ops& ops);

/// Removes konserve's files and the directory. An interrupted removal leaves a
/// store that has lost some of its keys.
/// @returns `not_found`, `locked`, `invalid_argument` that names the files
///          which are not konserve's or are of old layouts: then nothing is
///          removed
expected<void> destroy_store(const store_config& config,
                             std::shared_ptr<file_ops> ops);

/// Makes the backend of an open store.
std::unique_ptr<backend> make_backend(std::shared_ptr<store_state> state);

} // namespace larder::detail::ksv
