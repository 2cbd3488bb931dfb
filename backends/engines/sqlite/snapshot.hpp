// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "state.hpp"

#include "larder/backend.hpp"

namespace larder::detail::sqlite {

/// Begins a read transaction on a connection of its own, which ends with the
/// result. The log keeps what has been committed since.
expected<std::unique_ptr<backend_snapshot>>
make_snapshot(std::shared_ptr<state> store);

} // namespace larder::detail::sqlite
