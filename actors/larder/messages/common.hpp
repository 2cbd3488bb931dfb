// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What several messages have in common.

#pragma once

#include "larder/bytes.hpp"
#include "larder/header.hpp"
#include "larder/path.hpp"
#include "larder/value.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <tuple>

namespace larder {

/// Bytes that messages share.
using shared_bytes = std::shared_ptr<const bytes>;

/// What must hold for a change to be made; otherwise `precondition_failed`.
struct write_condition {
  /// The key must not exist.
  bool must_be_absent = false;
  /// The key must exist with this revision.
  std::optional<revision> must_match;

  static constexpr auto fields(auto& x) {
    return std::tie(x.must_be_absent, x.must_match);
  }
};

/// How long a key lives after a change. Nothing: for ever after a put of a
/// whole value, as before after a change by path or function. Zero: for ever.
/// Negative: `invalid_argument`.
using time_to_live = std::optional<std::chrono::milliseconds>;

} // namespace larder
