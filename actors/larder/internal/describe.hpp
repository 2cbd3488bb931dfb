// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The answer to `info_request`.

#pragma once

#include "larder/internal/context.hpp"
#include "larder/value.hpp"

namespace larder::internal {

/// Returns a map that says what the store is and how it is set up.
value describe(const store_context& ctx);

/// Returns the name of a codec; "none" for null.
value codec_name(const codec* x);

} // namespace larder::internal
