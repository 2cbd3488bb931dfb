// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/caf_net.hpp"
#include "larder/error.hpp"

namespace larder::internal {

/// Loads the files as CAF will, which ends the process when one does not suit.
/// @returns `invalid_argument` for a file that is absent, unreadable, not PEM
///          or protected by a passphrase, and for a key that is not that of
///          the certificate
expected<void> check_certificates(const detail::certificate_files& files);

} // namespace larder::internal
