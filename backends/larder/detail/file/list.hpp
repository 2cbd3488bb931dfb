// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/state.hpp"

namespace larder::detail {

/// Returns the next page of keys: the fan-out directories in turn, the names of
/// each in the order of their bytes. A cursor is "ab/name": go on behind that
/// name, or "ab/": go on with that directory. Changes nothing.
expected<list_page> list_files(const file_state& state,
                               const list_request& request);

} // namespace larder::detail
