// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/watch_buffer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace larder::internal {

uint64_t watch_buffer::push(std::span<const event_ptr> group) {
  size_t added = 0;
  for (auto& x : group)
    added += x->size;
  uint64_t dropped = 0;
  while (!events_.empty()
         && over(events_.size() + group.size(), bytes_ + added))
    dropped += drop_oldest();
  if (over(group.size(), added)) {
    // It never fits; what came before it has gone, so that the gap is here.
    unsaid_.add(group.size());
    return dropped + group.size();
  }
  for (auto& x : group)
    events_.push_back(x);
  bytes_ += added;
  return dropped;
}

void watch_buffer::miss(uint64_t count) {
  unsaid_.add(count);
}

void watch_buffer::forget_until(const revision& rev) {
  auto last = std::find_if(
    events_.begin(), events_.end(),
    [&rev](const event_ptr& x) { return x->content.rev == rev; });
  if (last == events_.end())
    return;
  for (auto n = last - events_.begin() + 1; n > 0; --n)
    pop();
}

fetch_events_reply watch_buffer::take(uint64_t limit,
                                      const watch_position& end) {
  fetch_events_reply result;
  said_.resync = said_.resync || unsaid_.resync;
  said_.missed += unsaid_.missed;
  unsaid_ = {};
  result.events.reserve(std::min<size_t>(limit, events_.size() - delivered_));
  result.resync = said_.resync;
  result.missed = said_.missed;
  auto i = events_.begin() + static_cast<std::ptrdiff_t>(delivered_);
  while (i != events_.end() && result.events.size() < limit) {
    auto group_end = std::next(i);
    while (group_end != events_.end() && same_batch(**i, **group_end))
      ++group_end;
    auto group = static_cast<size_t>(group_end - i);
    if (!result.events.empty() && result.events.size() + group > limit)
      break;
    for (; i != group_end; ++i)
      result.events.push_back((*i)->content);
  }
  delivered_ += result.events.size();
  result.position = end;
  if (i != events_.end())
    result.position.sequence = (*std::prev(i))->sequence;
  delivered_to_ = result.position.sequence;
  return result;
}

void watch_buffer::acknowledge(const std::optional<watch_position>& received) {
  if (!received || received->sequence >= delivered_to_) {
    while (delivered_ > 0)
      pop();
    said_ = {};
  } else {
    while (delivered_ > 0 && events_.front()->sequence <= received->sequence)
      pop();
    delivered_ = 0;
    if (in_doubt_ > 0)
      unsaid_.add(in_doubt_);
  }
  in_doubt_ = 0;
}

void watch_buffer::pop() {
  bytes_ -= events_.front()->size;
  events_.pop_front();
  if (delivered_ > 0)
    --delivered_;
}

/// Returns how many of the dropped events nobody has seen.
uint64_t watch_buffer::drop_oldest() {
  auto batch = events_.front()->content.batch;
  uint64_t unseen = 0;
  do {
    ++(delivered_ > 0 ? in_doubt_ : unseen);
    pop();
  } while (batch != 0 && !events_.empty()
           && events_.front()->content.batch == batch);
  if (unseen > 0)
    unsaid_.add(unseen);
  return unseen;
}

} // namespace larder::internal
