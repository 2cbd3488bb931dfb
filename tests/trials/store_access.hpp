// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Creating and opening the stores of a trial by URI.

#pragma once

#include "larder/backend.hpp"

#include <memory>
#include <string>

namespace trials {

/// @returns what the engine answered, also of engines that lie
larder::expected<std::unique_ptr<larder::backend>>
create_store(const std::string& uri);
larder::expected<std::unique_ptr<larder::backend>>
open_store(const std::string& uri);
larder::expected<bool> store_exists(const std::string& uri);

/// Prints the schemes of those durable engines that are built in.
/// @returns 0, the program's status
int print_durable_engines();

} // namespace trials
