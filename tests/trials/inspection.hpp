// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Looking at a whole store, from outside.

#pragma once

#include "trials/oracle.hpp"

#include "larder/backend.hpp"

#include <string>

namespace trials {

/// Reads every key of the kill trial, compares with listings in pages of
/// different sizes and with reads of parts.
/// @param out gets what is torn, missing in a listing, or foreign
contents inspect(larder::backend& store, violations& out);

/// What was staged or half written by the dead must be gone once writers have
/// been everywhere; tells of files below `dir` that are not.
violations find_leftovers(const std::string& dir);

} // namespace trials
