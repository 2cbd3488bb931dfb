// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/watch_table.hpp"

#include <utility>

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

void watch_table::add(uint64_t id, watched what) {
  auto [i, added] = items_.try_emplace(id, std::move(what));
  if (!added)
    return;
  auto& x = i->second;
  switch (x.scope) {
    case watch_scope::everything:
      everything_.push_back(&*i);
      return;
    case watch_scope::key:
      keys_[x.key].push_back(&*i);
      return;
    case watch_scope::prefix: {
      auto text = x.key.as_string();
      auto& found = prefixes_[prefix{x.key.type(), std::string{text}}];
      if (found.empty())
        ++lengths_[text.size()];
      found.push_back(&*i);
    }
  }
}

bool watch_table::remove(uint64_t id) {
  auto i = items_.find(id);
  if (i == items_.end())
    return false;
  auto& x = i->second;
  auto take_out = [ptr = &*i](std::vector<const item*>& xs) {
    std::erase(xs, ptr);
    return xs.empty();
  };
  switch (x.scope) {
    case watch_scope::everything:
      take_out(everything_);
      break;
    case watch_scope::key:
      if (auto j = keys_.find(x.key); take_out(j->second))
        keys_.erase(j);
      break;
    case watch_scope::prefix: {
      auto text = x.key.as_string();
      auto j = prefixes_.find(prefix_view{x.key.type(), text});
      if (!take_out(j->second))
        break;
      prefixes_.erase(j);
      auto length = lengths_.find(text.size());
      if (--length->second == 0)
        lengths_.erase(length);
    }
  }
  items_.erase(i);
  return true;
}

} // namespace larder::internal
