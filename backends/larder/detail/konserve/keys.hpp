// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which key a blob belongs to. Its metadata tells, but CBOR as konserve writes
/// it does not tell lists from vectors; then the file's name decides.

#pragma once

#include "larder/uuid.hpp"
#include "larder/value.hpp"

#include <optional>

namespace larder::detail::ksv {

/// Returns whether a blob whose metadata names the key `found` holds `asked`,
/// given that its file has the name for `asked`. If not, it holds another key
/// that konserve cannot tell from this one, or it is a node of a log.
bool names_same_key(const value& found, const value& asked,
                    uint8_t serializer_id);

/// Returns the key of the blob in the file with an id, whose metadata names
/// `found`. Nothing if no key that the metadata can mean has that name: then
/// the blob is a node of a log, or damaged.
std::optional<value> true_key(const value& found, const uuid& id,
                              uint8_t serializer_id);

} // namespace larder::detail::ksv
