// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/change_reporter.hpp"

#include "larder/internal/validators.hpp"

#include <algorithm>
#include <utility>

namespace larder::internal {

void change_reporter::add(const add_scope& msg, caf::actor hub) {
  hub_ = std::move(hub);
  flush();
  if (table_.add(msg.id, msg.what) && msg.what.with_before)
    ++with_before_;
}

void change_reporter::remove(uint64_t scope) {
  if (auto what = table_.remove(scope); what && what->with_before)
    --with_before_;
}

bool change_reporter::wants_before(const value& key) const {
  auto result = false;
  table_.for_each(
    key, [&result](const auto& x) { result = result || x.what.with_before; });
  return result;
}

void change_reporter::changed(const committed_change& x, uint64_t batch) {
  auto found = false;
  auto with_before = false;
  auto with_after = false;
  table_.for_each(x.key, [&](const auto& scope) {
    found = true;
    with_before = with_before || scope.what.with_before;
    with_after = with_after || scope.what.with_after;
  });
  if (!found)
    return;
  if (!events_) {
    events_ = ctx_->backlog().fresh_list();
    stamp_ = ctx_->stamp();
  }
  auto& event = events_->emplace_back();
  event.key = x.key;
  event.kind = shown_kind(x.kind, x.after);
  event.rev = x.after.meta.rev;
  // What was written long ago, as restored keys were, is news of now. The clock
  // is only read if it can make a difference.
  stamp_ = std::max(x.after.meta.last_write, stamp_);
  if (x.after.meta.last_write < stamp_)
    stamp_ = std::max(stamp_, ctx_->stamp());
  event.stamp = stamp_;
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
  if (!events_)
    return;
  auto bytes = std::exchange(bytes_, 0);
  auto events = std::exchange(events_, nullptr);
  auto& backlog = ctx_->backlog();
  if (backlog.reserve(bytes)) {
    detail::send(self_, hub_, watched_changes{std::move(events), bytes});
    return;
  }
  auto wake = backlog.miss(events->size());
  backlog.give_back(std::move(events));
  if (wake)
    detail::send(self_, hub_, watched_changes{});
}

} // namespace larder::internal
