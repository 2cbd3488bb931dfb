// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Requests on several keys in short.

#pragma once

#include "larder/internal/routing.hpp"
#include "larder/messages.hpp"

#include <string>
#include <utility>
#include <vector>

namespace larder::test {

// -- conditions ---------------------------------------------------------------

inline transact_condition present(value key, path steps = {}) {
  transact_condition result;
  result.key = std::move(key);
  result.steps = std::move(steps);
  return result;
}

inline transact_condition absent(value key, path steps = {}) {
  auto result = present(std::move(key), std::move(steps));
  result.type = transact_condition::kind::absent;
  return result;
}

inline transact_condition has_revision(value key, const revision& rev) {
  auto result = present(std::move(key));
  result.type = transact_condition::kind::revision;
  result.rev = rev;
  return result;
}

inline transact_condition equals(value key, path steps, value content) {
  auto result = present(std::move(key), std::move(steps));
  result.type = transact_condition::kind::equals;
  result.content = std::move(content);
  return result;
}

// -- requests -----------------------------------------------------------------

using operations = std::vector<transact_operation>;

inline transact_request transact(operations then) {
  return {{}, std::move(then), {}};
}

inline multi_get_request multi_get(std::vector<value> keys) {
  return {std::move(keys)};
}

inline multi_put_request
multi_put(const std::vector<std::pair<value, value>>& entries,
          atomicity mode = atomicity::atomic) {
  multi_put_request result;
  for (auto& [key, content] : entries)
    result.entries.push_back({key, content, {}});
  result.mode = mode;
  return result;
}

inline multi_erase_request multi_erase(std::vector<value> keys,
                                       atomicity mode = atomicity::atomic) {
  return {std::move(keys), mode};
}

// -- keys ---------------------------------------------------------------------

/// Returns a key that belongs to the key actor `owner` of `n`; another one for
/// each `number`.
inline value key_of(size_t owner, size_t n, size_t number = 0) {
  for (size_t i = 0;; ++i) {
    value key = "key-" + std::to_string(i);
    if (internal::route(key, n) == owner && number-- == 0)
      return key;
  }
}

} // namespace larder::test
