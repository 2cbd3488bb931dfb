// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/konserve/state.hpp"

namespace larder::detail::ksv {

/// Returns the next page of keys, in the order of the files' names. What cannot
/// be read or is in an old layout has an entry with the reason, under a name
/// that is no key: the prefix, the byte FF (hexadecimal), the file's name.
/// Nodes of logs are not listed. Changes nothing.
expected<list_page> list_files(store_state& state, const list_request& request);

} // namespace larder::detail::ksv
