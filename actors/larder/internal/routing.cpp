// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/routing.hpp"

#include <algorithm>
#include <variant>

namespace larder::internal {

namespace {

const value& key_of(const value& x) {
  return x;
}

const value& key_of(const auto& x) {
  return x.key;
}

const value& key_of(const transact_operation& x) {
  return std::visit([](auto& op) -> const value& { return op.key; }, x);
}

/// The least owner, or `least` if that is less.
size_t first_owner(const auto& xs, size_t n, size_t least) {
  for (auto& x : xs)
    least = std::min(least, route(key_of(x), n));
  return least;
}

/// The first owner for what is done as one, that of the first key otherwise.
size_t route_batch(const auto& xs, atomicity mode, size_t n) {
  if (xs.empty())
    return 0;
  auto first = route(key_of(xs.front()), n);
  return mode == atomicity::atomic ? first_owner(xs, n, first) : first;
}

} // namespace

size_t route(const multi_get_request& req, size_t n) {
  return req.keys.empty() ? 0 : route(req.keys.front(), n);
}

size_t route(const multi_put_request& req, size_t n) {
  return route_batch(req.entries, req.mode, n);
}

size_t route(const multi_erase_request& req, size_t n) {
  return route_batch(req.keys, req.mode, n);
}

size_t route(const transact_request& req, size_t n) {
  auto result = n - 1;
  result = first_owner(req.conditions, n, result);
  result = first_owner(req.then_operations, n, result);
  return first_owner(req.else_operations, n, result);
}

} // namespace larder::internal
