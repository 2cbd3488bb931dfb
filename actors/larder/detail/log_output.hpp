// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/blocking_client.hpp"
#include "larder/detail/log_input.hpp"

namespace larder::detail {

/// Puts an append log back: nobody sees anything of it before all of it is
/// stored.
/// @param log its head has been read
expected<void> put_log(blocking_client& to, const value& key, metadata meta,
                       log_input& log, const write_condition& condition);

} // namespace larder::detail
