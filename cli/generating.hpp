// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What is generated from the table of commands.

#pragma once

#include "command.hpp"

#include <string>
#include <vector>

namespace larder::cli {

/// Returns what the URI of a store may begin with: the schemes of the engines
/// that hold more than memory, and that of stores which others serve.
std::vector<std::string> store_beginnings();

/// Returns a page for man(1), in groff's man macros.
std::string manual_page(const std::vector<command>& all);

/// Returns a script for bash that completes what is typed behind `larder`. It
/// needs no package with helpers.
std::string bash_completion(const std::vector<command>& all);

/// Returns the file `_larder` for a folder in zsh's `fpath`.
std::string zsh_completion(const std::vector<command>& all);

} // namespace larder::cli
