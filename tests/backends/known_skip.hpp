// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <set>
#include <string>

/// Whether a check of the compliance suite may be skipped for this reason by an
/// engine that has no limit for blobs: because an option or a capability that
/// the test leaves out on purpose is missing.
inline bool is_known_skip(const std::string& reason) {
  static const std::set<std::string> reasons{
    "",
    "durable is not declared",
    "fill_medium is not set",
    "the domain is one process",
    "the engine takes larger blobs than the suite makes",
    "the store is neither durable nor for other processes",
  };
  return reasons.contains(reason);
}
