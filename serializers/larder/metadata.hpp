// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What is known of a value without reading it.

#pragma once

#include "larder/error.hpp"
#include "larder/header.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace larder {

/// What a key holds.
enum class content_type : uint8_t {
  edn,        ///< a `value`
  binary,     ///< bytes, chunked
  append_log, ///< entries, the older ones in blobs of their own
};

constexpr bool is_valid(content_type x) noexcept {
  return x <= content_type::append_log;
}

/// Returns "edn", "binary" or "append-log".
std::string_view to_string(content_type x) noexcept;

/// The metadata of one key. All but revision and expiry (which live in the
/// header) are stored as a map, konserve's way:
/// `{:key k, :type :edn, :last-write #inst "…", …extras}`.
struct metadata {
  value key;
  content_type type = content_type::edn;

  /// When the key was last written, ms since 1970; never decreases.
  int64_t last_write = 0;

  /// The user's own entries, a map without `:key`, `:type`, `:last-write`,
  /// `:revision`, `:expiry`.
  value extras = value::map();

  revision rev;

  /// When the key stops to exist, ms since 1970.
  std::optional<int64_t> expiry;

  /// Whether the key has expired at the time `now` (ms since 1970).
  bool expired(int64_t now) const noexcept {
    return expiry && *expiry <= now;
  }

  /// The map that is stored: without revision and expiry.
  value stored_form() const;

  /// The map for people: with `:revision` (text) and `:expiry` (instant).
  value to_value() const;

  /// Reads the stored map, leaving revision and expiry alone.
  /// @returns `corruption` if it is no such map
  static expected<metadata> from_stored_form(const value& x);

  /// Returns an error (`invalid_argument`) unless `x` is a map without the
  /// reserved keys.
  static expected<void> check_extras(const value& x);
};

} // namespace larder
