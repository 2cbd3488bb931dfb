// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What `larder` prints: answers on standard output, messages on standard
/// error.

#pragma once

#include "command.hpp"

#include <string>
#include <string_view>

namespace larder::cli {

/// Prints text as it is on standard output.
void print_text(std::string_view str);

/// Prints a value and a line break: as JSON if asked for, else as EDN.
void print_value(const invocation& args, const value& x);

/// Prints a word (a revision, a number) and a line break: with `--json` as a
/// JSON string, else as it is.
void print_word(const invocation& args, std::string_view str);

/// Prints one line on standard error, `larder: ` and the message, whatever
/// control characters are in it.
void print_message(std::string_view message);

/// Prints one line on standard error as it is.
void print_notice(std::string_view line);

/// Returns the text of a key for messages, shortened if need be.
std::string describe(const value& key);

/// Returns the key, a colon, and what there is to say about it.
std::string about(const value& key, std::string_view what);

/// Returns whether something could not be printed on standard output: whoever
/// has much to print may as well stop.
bool output_failed();

/// Returns whether that was because nobody reads it any more.
bool output_abandoned();

/// Makes sure that standard output has everything.
result<void> flush_output();

} // namespace larder::cli
