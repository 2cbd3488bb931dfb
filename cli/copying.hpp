// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the commands have in common that put keys of another store, or of an
/// archive, into a store.

#pragma once

#include "session.hpp"

#include <string_view>

namespace larder::cli {

/// Whether an operand is the URI of a store, not the name of a file: it begins
/// with a scheme and a colon.
bool names_store(std::string_view text);

/// The same command line for another store.
invocation on_store(const invocation& args, const std::string& uri);

/// Tells of a key that is left out.
void report_key(const value& key, const error& why);

/// How a command ends that was not broken off.
/// @param what tells of the keys that were left out
outcome finish_with(uint64_t left_out, std::string_view what);

/// The keys to read encrypted blobs with: those that the command line names, or
/// those of `otherwise`.
result<std::shared_ptr<const keyring>> keys_for(const invocation& args,
                                                const session& otherwise);

/// Why nothing can be restored or copied, with the options that help.
failure restore_failure(const error& err);

/// The option that does without a snapshot of what is read.
command_option per_key_option();

/// Copies all keys of one store into another one, and prints what it did.
outcome copy_stores(const invocation& from, const invocation& to);

} // namespace larder::cli
