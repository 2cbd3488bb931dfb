// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/tier_index.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

namespace larder::detail {

// -- reading ------------------------------------------------------------------

tier_index::look tier_index::look_up(const std::string& key) {
  std::lock_guard guard{mutex_};
  look result;
  if (auto& x = slots_[slot_of(key)]; x.writers == 0)
    result.seen = x.version;
  auto found = entries_.find(key);
  if (found == entries_.end() || found->second->now != state::ready)
    return result;
  idle_.splice(idle_.begin(), idle_, found->second);
  result.blob = found->second->blob;
  result.size = found->second->size;
  return result;
}

bool tier_index::still_serves(const std::string& key, uint64_t blob) const {
  std::lock_guard guard{mutex_};
  auto found = entries_.find(key);
  return found != entries_.end() && is(*found->second, blob);
}

void tier_index::drop(const std::string& key, uint64_t blob) {
  std::lock_guard guard{mutex_};
  auto found = entries_.find(key);
  if (found != entries_.end() && is(*found->second, blob))
    make_stale(found->second);
}

// -- commits ------------------------------------------------------------------

tier_index::ticket tier_index::writing::ticket_of(std::string_view key) const {
  auto before = [](const mark& x, size_t y) { return x.slot < y; };
  auto slot = slot_of(key);
  auto found = std::lower_bound(marks_.begin(), marks_.end(), slot, before);
  return found != marks_.end() && found->slot == slot ? found->seen : 0;
}

tier_index::writing
tier_index::begin(const std::vector<std::string_view>& keys) {
  std::vector<size_t> touched;
  for (auto key : keys)
    touched.push_back(slot_of(key));
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  writing result;
  result.marks_.reserve(touched.size());
  std::lock_guard guard{mutex_};
  for (auto i : touched) {
    ++slots_[i].writers;
    result.marks_.push_back({i, ++slots_[i].version});
  }
  for (auto key : keys)
    if (auto found = entries_.find(key); found != entries_.end())
      make_stale(found->second);
  return result;
}

void tier_index::end(writing& x) {
  std::lock_guard guard{mutex_};
  for (auto& [i, seen] : x.marks_) {
    auto& slot = slots_[i];
    // Nobody else was here before, came, or went: what was committed is what
    // the back has now.
    auto alone = slot.writers == 1 && slot.version == seen;
    --slot.writers;
    ++slot.version;
    seen = alone ? slot.version : 0;
  }
}

// -- changes of the front -----------------------------------------------------

std::vector<std::string> tier_index::make_room(uint64_t size) {
  std::vector<std::string> result;
  std::lock_guard guard{mutex_};
  size = std::min(size, max_bytes_);
  // What is being erased counts until it is.
  uint64_t freed = 0;
  while (!idle_.empty() && counts_.used + size > max_bytes_ + freed) {
    auto last = std::prev(idle_.end());
    try {
      result.push_back(last->key);
    } catch (const std::bad_alloc&) {
      break; // those before are to be erased all the same
    }
    freed += bytes_of(*last);
    if (last->now == state::ready) {
      ++counts_.evictions;
      --counts_.keys;
    }
    make_busy(last);
  }
  return result;
}

void tier_index::erased(const std::string& key, bool ok) {
  std::lock_guard guard{mutex_};
  auto found = entries_.find(key);
  auto x = found->second;
  if (ok) {
    counts_.used -= bytes_of(*x);
    entries_.erase(found);
    busy_.erase(x);
    return;
  }
  x->now = state::stale;
  idle_.splice(idle_.end(), busy_, x);
}

bool tier_index::begin_put(const std::string& key, uint64_t size, ticket seen) {
  std::lock_guard guard{mutex_};
  auto& slot = slots_[slot_of(key)];
  if (seen == 0 || slot.writers > 0 || slot.version != seen)
    return false;
  auto found = entries_.find(key);
  auto is_new = found == entries_.end();
  if (!is_new && found->second->now != state::stale)
    return false; // it is there already, or somebody is at it
  // Until the new blob is there, the old one may be: the greater one counts.
  auto old_bytes = is_new ? 0 : bytes_of(*found->second);
  auto new_bytes = std::max(old_bytes, key.size() + size);
  if (counts_.used - old_bytes + new_bytes > max_bytes_)
    return false;
  if (is_new) {
    busy_.push_front({key, state::busy, false, 0, size});
    entries_.emplace(busy_.front().key, busy_.begin());
  } else {
    auto x = found->second;
    make_busy(x);
    x->size = std::max(x->size, size);
  }
  counts_.used += new_bytes - old_bytes;
  return true;
}

bool tier_index::end_put(const std::string& key, uint64_t size, bool ok) {
  std::lock_guard guard{mutex_};
  auto x = entries_.find(key)->second;
  if (ok) {
    counts_.used -= x->size - size;
    x->size = size;
  }
  if (!ok || x->overtaken) {
    x->now = state::stale;
    idle_.splice(idle_.end(), busy_, x);
    return false;
  }
  x->now = state::ready;
  x->blob = ++last_blob_;
  ++counts_.keys;
  idle_.splice(idle_.begin(), busy_, x);
  return true;
}

tier_index::counts tier_index::current() const {
  std::lock_guard guard{mutex_};
  return counts_;
}

// -- helpers ------------------------------------------------------------------

size_t tier_index::slot_of(std::string_view key) noexcept {
  return std::hash<std::string_view>{}(key) % num_slots;
}

bool tier_index::is(const entry& x, uint64_t blob) noexcept {
  return x.now == state::ready && x.blob == blob;
}

uint64_t tier_index::bytes_of(const entry& x) noexcept {
  return x.key.size() + x.size;
}

void tier_index::make_stale(entry_list::iterator x) {
  if (x->now == state::busy) {
    x->overtaken = true;
  } else if (x->now == state::ready) {
    x->now = state::stale;
    --counts_.keys;
    ++counts_.invalidations;
    idle_.splice(idle_.end(), idle_, x);
  }
}

void tier_index::make_busy(entry_list::iterator x) {
  x->now = state::busy;
  x->overtaken = false;
  busy_.splice(busy_.begin(), idle_, x);
}

} // namespace larder::detail
