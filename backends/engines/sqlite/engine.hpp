// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"

namespace larder::detail::sqlite {

class state;

/// Makes the backend object of an open store.
std::unique_ptr<backend> make_backend(std::shared_ptr<state> store);

} // namespace larder::detail::sqlite
