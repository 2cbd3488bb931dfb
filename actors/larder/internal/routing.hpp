// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which key actor owns a key, and which one gets a request on several.

#pragma once

#include "larder/messages.hpp"
#include "larder/value.hpp"

#include <concepts>

namespace larder::internal {

/// Returns the index of the owner of keys with a hash, among `n` key actors.
constexpr size_t route(size_t hash, size_t n) noexcept {
  return hash % n;
}

/// Returns the index of the owner of `key` among `n` key actors.
inline size_t route(const value& key, size_t n) noexcept {
  return route(key.hash(), n);
}

// -- requests on one key ------------------------------------------------------

template <class T, class... Ts>
concept one_of = (std::same_as<T, Ts> || ...);

/// Requests that name a key, but that others than its key actor carry out: the
/// store hands them on.
template <class Request>
concept for_store_actor
  = one_of<Request, verify_request, watch_request, open_stream_request,
           open_restore_request, open_restore_log_request, open_stored_request,
           read_stored_request>;

/// Requests that go to the actor of their key.
template <class Request>
concept for_key_actor = !for_store_actor<Request> && requires(Request req) {
  { req.key } -> std::convertible_to<const value&>;
};

// -- requests on several keys -------------------------------------------------

/// Any key actor can take them. The first one of a transaction, in the order in
/// which it goes through them, is the cheapest.
size_t route(const multi_get_request& req, size_t n);
size_t route(const multi_put_request& req, size_t n);
size_t route(const multi_erase_request& req, size_t n);
size_t route(const transact_request& req, size_t n);

} // namespace larder::internal
