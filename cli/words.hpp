// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The words of the command line, made safe for CLI11.

#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace larder::cli {

/// The name under which a command has its operands; groups have none.
constexpr const char* operands_name = "operands";

/// Rewrites `words` for CLI11: operands and values of options become the
/// numbers of the words that they stand in, so that no text whatsoever is taken
/// for an option, a command, or one of CLI11's own notations. Words of the form
/// `--name=value` lose the name.
/// @returns what CLI11 is to parse, or what is wrong with the words
result<std::vector<std::string>> mark_words(const CLI::App& top,
                                            std::vector<std::string>& words);

} // namespace larder::cli
