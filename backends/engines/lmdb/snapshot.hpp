// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "environment.hpp"

#include "larder/backend.hpp"

namespace larder::detail {

/// Makes a snapshot of what has been committed so far, by any process.
expected<std::unique_ptr<backend_snapshot>>
make_lmdb_snapshot(std::shared_ptr<lmdb_environment> env,
                   const lmdb_write_options& options);

} // namespace larder::detail
