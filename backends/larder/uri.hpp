// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Where a store is and how to open it, as one line of text.

#pragma once

#include "larder/error.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace larder {

/// A parsed `scheme:path?name=value&…` or `scheme://authority/path?…`
/// (RFC 3986; a path may be relative, as in `file:larder-data`). Percent
/// escapes are decoded in all parts; `+` is a plus. Characters that a URI would
/// have to escape are taken as they are where that is unambiguous (spaces and
/// non-ASCII characters, not `#`, `%` or control characters).
struct uri {
  std::string scheme;    ///< in lower case
  std::string authority; ///< host and port, if any
  std::string path;      ///< if there is an authority: empty or absolute
  std::map<std::string, std::string> options; ///< without empty values

  /// @returns `invalid_argument` with what is wrong: no scheme, a bad escape,
  ///          a fragment, an option without value, an option twice. The message
  ///          quotes no values, so that no password ends up in a log.
  static expected<uri> parse(std::string_view str);

  /// Returns the URI inside: all that follows the scheme, read as a URI. Of
  /// `readonly:file:DIR?sync=off` it is `file:DIR?sync=off`.
  /// @returns `invalid_argument` if it is none
  expected<uri> inner() const;

  /// Removes the option `name` and returns its value, or `fallback`.
  std::string take(const std::string& name, std::string fallback = {});

  /// Removes the option `name`, which must be one of yes/no, on/off,
  /// true/false, 1/0.
  /// @returns `invalid_argument` for anything else
  expected<bool> take_flag(const std::string& name, bool fallback);

  /// Removes the option `name`, which must be decimal digits.
  /// @returns `invalid_argument` for anything else and past 64 bits
  expected<uint64_t> take_number(const std::string& name, uint64_t fallback);

  /// Returns an error (`invalid_argument`) that names an option nobody took.
  expected<void> check_all_taken() const;

  friend bool operator==(const uri&, const uri&) = default;
};

/// Prints what `uri::parse` reads, secrets included: not for messages.
std::string to_string(const uri& x);

/// Prints like `to_string`, with `REDACTED` instead of the password of the
/// authority and of the values of options whose names speak of a key, password,
/// passphrase, secret, token or credential. URIs inside of URIs (in the path or
/// as the value of an option) are printed in the same way.
std::string redacted(const uri& x);

} // namespace larder
