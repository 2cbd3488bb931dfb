// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/change_reporter.hpp"

#include "larder/internal/validators.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace larder::internal {

void change_reporter::add(const add_scope& msg, caf::actor hub) {
  hub_ = std::move(hub);
  flush();
  table_.add(msg.id, msg.what);
}

bool change_reporter::wants_before(const value& key) const {
  auto result = false;
  table_.for_each(key, [&result](uint64_t, const watched& x) {
    result = result || x.with_before;
  });
  return result;
}

void change_reporter::changed(const committed_change& x, uint64_t batch) {
  auto found = false;
  auto with_before = false;
  auto with_after = false;
  table_.for_each(x.key, [&](uint64_t, const watched& what) {
    found = true;
    with_before = with_before || what.with_before;
    with_after = with_after || what.with_after;
  });
  if (!found)
    return;
  if (events_.empty())
    events_.reserve(last_size_);
  auto& event = events_.emplace_back();
  event.key = x.key;
  event.kind = shown_kind(x.kind, x.after);
  event.rev = x.after.meta.rev;
  // What is restored keeps the time of its last write, which is no news.
  event.stamp = std::max(x.after.meta.last_write, ctx_->stamp());
  event.combined = x.combined;
  event.batch = batch;
  bytes_ += sizeof(event) + x.key.size();
  // What has expired is not there any more, unless that is the change.
  auto show = [this](const entry& from, std::optional<value>& to) {
    if (auto content = shown_content(from)) {
      to = *content;
      bytes_ += content->footprint();
    }
  };
  if (with_before
      && (x.kind == change_kind::expire || x.before.live(event.stamp)))
    show(x.before, event.before);
  if (with_after)
    show(x.after, event.after);
}

void change_reporter::in_doubt() {
  flush();
  if (active() && ctx_->backlog().miss(1))
    detail::send(self_, hub_, watched_changes{});
}

void change_reporter::flush() {
  if (events_.empty())
    return;
  last_size_ = events_.size();
  auto bytes = std::exchange(bytes_, 0);
  auto events = std::exchange(events_, {});
  auto& backlog = ctx_->backlog();
  if (backlog.reserve(bytes)) {
    auto items = std::make_shared<std::vector<change_event>>(std::move(events));
    detail::send(self_, hub_, watched_changes{std::move(items), bytes});
  } else if (backlog.miss(events.size())) {
    detail::send(self_, hub_, watched_changes{});
  }
}

} // namespace larder::internal
