// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Where a store is and how to open it, as one line of text.

#pragma once

#include "larder/error.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace larder {

/// A parsed `scheme:path?name=value&…` or `scheme://authority/path?…`
/// (RFC 3986; a path may be relative, as in `file:larder-data`). Percent
/// escapes are decoded in all parts.
struct uri {
  std::string scheme;
  std::string authority; ///< host and port, if any
  std::string path;
  std::map<std::string, std::string> options;

  /// @returns `invalid_argument` with what is wrong: no scheme, a bad escape,
  ///          an option without value, an option twice
  static expected<uri> parse(std::string_view str);

  /// Removes the option `name` and returns its value, or `fallback`.
  std::string take(const std::string& name, std::string fallback = {});

  /// Removes the option `name`, which must be one of yes/no, on/off,
  /// true/false, 1/0.
  /// @returns `invalid_argument` for anything else
  expected<bool> take_flag(const std::string& name, bool fallback);

  /// Returns an error (`invalid_argument`) that names an option nobody took.
  expected<void> check_all_taken() const;
};

/// Prints what `uri::parse` reads.
std::string to_string(const uri& x);

} // namespace larder
