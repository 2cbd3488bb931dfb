// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How konserve's blobs look to the layers above: as blobs of layout 2 in the
/// clear, with konserve's own bytes where they can stay as they are.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/konserve/blob.hpp"

#include <string_view>

namespace larder::detail::ksv {

/// Shows the part of a blob that a request asks for. Header and metadata are
/// made without reading the value: then the header has no checksum of it, and
/// the sizes of a value that is compressed anew or encrypted are those of its
/// stored form.
/// @param key the blob's key
/// @param encoded the same, encoded
/// @returns `conflict` if the file was changed meanwhile, or has not the
///          revision that was asked for
read_outcome show(const store_state& state, const stored_blob& x,
                  const value& key, std::string_view encoded,
                  const read_request& request);

} // namespace larder::detail::ksv
