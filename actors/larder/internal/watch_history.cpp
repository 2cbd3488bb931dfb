// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/watch_history.hpp"

#include <algorithm>

namespace larder::internal {

void watch_history::push(std::span<const event_ptr> group) {
  for (auto& x : group) {
    events_.push_back(x);
    bytes_ += x->size;
  }
  while (events_.size() > max_events_ || bytes_ > max_bytes_)
    drop_oldest();
  // They have lain there for long, and the next are going to be dropped soon.
  constexpr size_t ahead = 8;
  if (events_.size() > ahead)
    __builtin_prefetch(events_[ahead].get());
}

void watch_history::clear(uint64_t sequence) {
  while (!events_.empty() && events_.front()->sequence <= sequence)
    drop_oldest();
  forgotten_ = std::max(forgotten_, sequence);
}

std::optional<uint64_t> watch_history::find(int64_t stamp,
                                            uint64_t last) const {
  if (stamp <= forgotten_stamp_)
    return std::nullopt;
  auto i = std::find_if(
    events_.begin(), events_.end(),
    [stamp](const event_ptr& x) { return x->content.stamp >= stamp; });
  return i != events_.end() ? (*i)->sequence - 1 : last;
}

std::optional<uint64_t> watch_history::find(const value& key,
                                            const revision& rev) const {
  for (auto& x : events_)
    if (x->content.rev == rev && x->content.key == key)
      return x->sequence;
  return std::nullopt;
}

watch_history::container::const_iterator
watch_history::after(uint64_t sequence) const {
  return std::partition_point(
    events_.begin(), events_.end(),
    [sequence](const event_ptr& x) { return x->sequence <= sequence; });
}

void watch_history::drop_oldest() {
  auto batch = events_.front()->content.batch;
  do {
    auto& x = *events_.front();
    bytes_ -= x.size;
    forgotten_ = x.sequence;
    forgotten_stamp_ = std::max(forgotten_stamp_, x.content.stamp);
    events_.pop_front();
  } while (batch != 0 && !events_.empty()
           && events_.front()->content.batch == batch);
}

} // namespace larder::internal
