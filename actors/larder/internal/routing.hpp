// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which key actor owns a key, and which one gets a request on several.

#pragma once

#include "larder/messages/batches.hpp"
#include "larder/value.hpp"

namespace larder::internal {

/// Returns the index of the owner of keys with a hash, among `n` key actors.
constexpr size_t route(size_t hash, size_t n) noexcept {
  return hash % n;
}

/// Returns the index of the owner of `key` among `n` key actors.
inline size_t route(const value& key, size_t n) noexcept {
  return route(key.hash(), n);
}

// -- requests on several keys -------------------------------------------------

/// Any key actor can take them. The first one of a transaction, in the order in
/// which it goes through them, is the cheapest.
size_t route(const multi_get_request& req, size_t n);
size_t route(const multi_put_request& req, size_t n);
size_t route(const multi_erase_request& req, size_t n);
size_t route(const transact_request& req, size_t n);

} // namespace larder::internal
