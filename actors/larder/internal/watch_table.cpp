// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/watch_table.hpp"

namespace larder::internal {

bool begins_with(const value& key, const value& prefix) noexcept {
  return is_text(prefix) && key.is(prefix.type())
         && key.as_string().starts_with(prefix.as_string());
}

bool watched::contains(const value& x) const noexcept {
  switch (scope) {
    case watch_scope::everything:
      return true;
    case watch_scope::prefix:
      return begins_with(x, key);
    default:
      return x == key;
  }
}

bool watched::covers(const watched& other) const noexcept {
  if ((other.with_before && !with_before) || (other.with_after && !with_after))
    return false;
  if (scope == watch_scope::everything)
    return true;
  auto narrower = other.scope == watch_scope::key || other.scope == scope;
  return narrower && contains(other.key);
}

} // namespace larder::internal
