// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "engines/rocksdb/database.hpp"

#include "larder/backend.hpp"

#include <memory>

namespace larder::detail {

/// Makes the backend of an open database.
std::unique_ptr<backend> make_rocks_backend(std::shared_ptr<rocks_database> db);

} // namespace larder::detail
