// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "command.hpp"

#include "larder/keyring.hpp"

#include <string>

namespace larder::cli {

/// The option `--passphrase-env`.
command_option passphrase_option();

/// Reads a keyring file, with the passphrase that `--passphrase-env` tells of.
result<keyring> load_keyring(const invocation& args, const std::string& name);

} // namespace larder::cli
