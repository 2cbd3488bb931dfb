// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What help, man page and completion say of larder as a whole, and how they
/// show its commands.

#pragma once

#include "command.hpp"

#include <string>
#include <vector>

namespace larder::cli {

namespace overview {

constexpr const char* summary
  = "a durable store of EDN values and binaries by key";

constexpr const char* examples
  = R"(  larder put user/1 '{:name "Ada" :visits 0}'
  larder get user/1 :name
  larder update user/1 :visits --fn inc
  larder COMMAND --help)";

constexpr const char* arguments
  = R"(A key, path step or value is EDN if it starts like EDN (one of : " [ { ( #, a
digit, a minus and a digit) or is nil, true or false; else it is a plain string.
For a value, - reads standard input and @FILE a file. Behind -- there are no
options.)";

constexpr const char* exit_codes
  = R"(Exit codes: 0 fine, 1 not found, 2 wrong usage, 3 any other error,
4 a precondition failed.)";

/// The options of all commands, but --help and --version.
std::vector<command_option> options();

} // namespace overview

/// The operands and options of a command on one line.
std::string synopsis(const command& cmd);

// -- slots --------------------------------------------------------------------

/// What an operand or the value of an option can be, for completion.
struct slot {
  enum class kind {
    text, ///< anything; what begins with @ may be a file
    file,
    store, ///< a URI
    words, ///< one of `choices`
  };

  std::string name; ///< as shown in the help
  kind type = kind::text;
  std::vector<std::string> choices;
  bool repeated = false; ///< stands for all that follow, too
};

slot slot_of(const command_option& x);

/// The slots of a command's operands, in order.
std::vector<slot> operands_of(const command& cmd);

/// The groups of commands with two words, each once, in order.
std::vector<std::string> groups_of(const std::vector<command>& all);

/// What is said of a group.
std::string summary_of_group(const std::string& group);

} // namespace larder::cli
