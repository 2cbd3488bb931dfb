// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// From the words of the command line to a command and what it is given.

#pragma once

#include "command.hpp"

#include <string>
#include <vector>

namespace larder::cli {

/// A command line that makes sense: what to print and be done, or what to run.
struct parsed_command_line {
  std::string text; ///< help or version, if asked for
  const command* selected = nullptr;
  invocation args;
};

/// Takes the words behind the program's name apart. A word is an option if it
/// starts with two minuses or with one and a letter; whatever follows an option
/// that takes a value is that value; behind `--` there are no options.
result<parsed_command_line>
parse_command_line(const std::vector<command>& commands,
                   std::vector<std::string> words);

} // namespace larder::cli
