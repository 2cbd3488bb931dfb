// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/error.hpp"

#include <lmdb.h>

#include <string>
#include <string_view>

namespace larder::detail {

/// Returns the error for the result `rc` of a call of LMDB: "cannot `verb`
/// `path`: reason". Damage that LMDB notices is `corruption`.
error lmdb_failure(std::string_view verb, const std::string& path, int rc);

} // namespace larder::detail
