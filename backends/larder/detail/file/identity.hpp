// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What makes a directory a store, for all engines that keep one in a
/// directory: a small text file with the kind of the store, the number of its
/// format and its UUID.

#pragma once

#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"
#include "larder/uri.hpp"
#include "larder/uuid.hpp"

#include <string>
#include <string_view>

namespace larder::detail {

/// More bytes than any identity has.
constexpr size_t max_identity_size = 4096;

/// Returns the text for a store of a `kind` such as "file".
std::string print_identity(std::string_view kind, const uuid& id);

/// Reads what `print_identity` wrote.
/// @param path where it was, for messages
/// @returns `corruption`, `unsupported` for a later format
expected<uuid> parse_identity(std::string_view kind, std::string_view str,
                              const std::string& path);

/// Returns whether there is something at `path`.
expected<bool> path_exists(file_ops& ops, const std::string& path);

/// Makes the entries of a directory durable, unless it is one that this process
/// may not read.
expected<void> sync_if_allowed(file_ops& ops, const std::string& path);

/// Makes a directory and its missing parents, top down, and syncs what holds
/// them.
/// @returns `invalid_argument` if there is something else
expected<void> make_directories(file_ops& ops, const std::string& dir,
                                bool sync);

/// Removes the directory of a store of which all files are removed.
/// @returns `io_error` that names what is in it and not larder's
expected<void> remove_store_directory(file_ops& ops, const std::string& dir,
                                      bool sync);

/// Returns the path of a URI, which names a directory, absolute and without
/// slashes at the end.
/// @returns `invalid_argument` for a URI with a host or without path
expected<std::string> directory_of(const uri& x);

} // namespace larder::detail
