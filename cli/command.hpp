// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a command of `larder` is, what it is given and how it ends.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace larder::cli {

// -- how commands end ---------------------------------------------------------

/// The exit codes of the process.
enum class exit_code : int {
  fine = 0,
  not_found = 1, ///< the key, or what the path names, does not exist
  usage = 2,     ///< the command line is wrong
  failed = 3,    ///< anything else
  precondition_failed = 4,
};

/// Why a command could not do what it was told: ends up as one line on standard
/// error.
struct failure {
  exit_code code;
  std::string message;
};

template <class T>
using result = tl::expected<T, failure>;

/// How a command ended; a code other than `fine` here needs no message.
using outcome = result<exit_code>;

inline tl::unexpected<failure> fail(exit_code code, std::string message) {
  return tl::unexpected<failure>{failure{code, std::move(message)}};
}

inline tl::unexpected<failure> fail(failure x) {
  return tl::unexpected<failure>{std::move(x)};
}

inline tl::unexpected<failure> usage_error(std::string message) {
  return fail(exit_code::usage, std::move(message));
}

/// The exit code for an error of the library.
exit_code to_exit_code(errc code) noexcept;

/// Turns an error of the library into a failure.
failure to_failure(const error& err);

/// Turns an error of the library into a failure whose message names `key`.
failure to_failure(const value& key, const error& err);

// -- what commands are given --------------------------------------------------

/// A word of the command line.
struct argument {
  size_t position; ///< counts the words from the left
  std::string text;
};

/// A command line, taken apart.
struct invocation {
  std::string store; ///< the URI
  bool json = false;
  bool edn = false;
  std::vector<argument> operands;
  std::map<std::string, argument, std::less<>> options; ///< by `--name`

  bool has(std::string_view option) const {
    return options.find(option) != options.end();
  }

  /// Returns what an option was given, or null.
  const argument* find(std::string_view option) const {
    auto i = options.find(option);
    return i != options.end() ? &i->second : nullptr;
  }
};

// -- commands -----------------------------------------------------------------

struct command_option {
  std::string name;       ///< `--name`
  std::string value_name; ///< empty: the option is a flag
  std::string help;
  bool required = false;
  std::vector<std::string> choices = {}; ///< values that completion offers
};

struct command {
  std::string name; ///< two words for a command of a group
  std::string summary;
  /// As shown in the help: names, one per word, with `[…]` around optional and
  /// `…` behind repeated ones. `FILE` stands for a file; words in lower case,
  /// with `|` between them, for themselves.
  std::string operands;
  size_t min_operands;
  size_t max_operands;
  std::vector<command_option> options;
  std::string examples;
  std::function<outcome(const invocation&)> run;
  std::string details = {}; ///< what is to be known besides: paragraphs
};

/// For `max_operands`: as many as one likes.
constexpr size_t any_number = static_cast<size_t>(-1);

std::vector<command> administration_commands();
std::vector<command> backup_commands();
std::vector<command> batch_commands();
std::vector<command> binary_commands();
std::vector<command> copying_commands();
std::vector<command> export_commands();

/// What is generated from all commands, those of `others` and its own.
std::vector<command> generating_commands(std::vector<command> others);

std::vector<command> import_commands();
std::vector<command> keyring_commands();
std::vector<command> listing_commands();
std::vector<command> log_commands();
std::vector<command> migration_commands();
std::vector<command> rekeying_commands();
std::vector<command> serving_commands();
std::vector<command> statistics_commands();
std::vector<command> sweeping_commands();
std::vector<command> value_commands();
std::vector<command> watching_commands();

} // namespace larder::cli
