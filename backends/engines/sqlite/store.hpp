// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Creating, opening, finding and destroying stores.

#pragma once

#include "connection.hpp"

#include "larder/backend.hpp"

namespace larder::detail::sqlite {

/// See `engine`.
expected<std::unique_ptr<backend>> create_store(const config& cfg);
expected<std::unique_ptr<backend>> open_store(const config& cfg);
expected<bool> store_exists(const config& cfg);
expected<void> destroy_store(const config& cfg);

} // namespace larder::detail::sqlite
