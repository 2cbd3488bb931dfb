// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/watch_hub.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace larder::internal {

// -- events as watchers share them --------------------------------------------

/// An event, and what is left of it for those who want no values.
class watch_hub::shared_event {
public:
  explicit shared_event(event_ptr full) {
    versions_[0] = std::move(full);
  }

  const event_ptr& full() const noexcept {
    return versions_[0];
  }

  const event_ptr& for_watcher(bool with_before, bool with_after) {
    auto& x = full()->content;
    auto cut_before = x.before && !with_before;
    auto cut_after = x.after && !with_after;
    auto& result
      = versions_[(cut_before ? size_t{1} : 0) + (cut_after ? size_t{2} : 0)];
    if (!result) {
      auto copy = std::make_unique<numbered_event>(*full());
      auto cut = [&copy](std::optional<value>& from) {
        copy->size -= from->footprint();
        from.reset();
      };
      if (cut_before)
        cut(copy->content.before);
      if (cut_after)
        cut(copy->content.after);
      result.reset(copy.release());
    }
    return result;
  }

private:
  std::array<event_ptr, 4> versions_;
};

watched watched_by(const watch_request& req) {
  return {req.scope, req.scope == watch_scope::everything ? value{} : req.key,
          req.with_before, req.with_after};
}

namespace {

size_t size_of(const change_event& x) {
  auto result = sizeof(numbered_event) + x.key.footprint();
  for (auto content : {&x.before, &x.after})
    if (*content)
      result += (*content)->footprint();
  return result;
}

} // namespace

watch_hub::watch_hub(const watch_limits& limits, uint64_t run)
  : limits_(limits),
    run_(run),
    history_(limits.history_events, limits.history_bytes) {
  // nop
}

// -- scopes -------------------------------------------------------------------

watch_hub::scope_handle watch_hub::enter(const watched& what) {
  std::optional<uint64_t> known;
  scopes_.for_each(what.key, [&](const auto& x) {
    if (x.what == what)
      known = x.id;
  });
  if (known) {
    ++scopes_.at(*known).data.users;
    return {*known, false};
  }
  auto id = ++last_scope_;
  scopes_.add(id, what)->data.users = 1;
  return {id, true};
}

void watch_hub::complete(uint64_t id, int64_t stamp) {
  auto& x = scopes_.at(id).data;
  x.complete = true;
  x.since = last_;
  x.since_stamp = stamp;
}

bool watch_hub::is_complete(uint64_t id) const {
  return scopes_.at(id).data.complete;
}

void watch_hub::leave(uint64_t id, time_point now) {
  auto& x = scopes_.at(id).data;
  if (--x.users == 0)
    x.unused_since = now;
}

/// Whether there is a scope that has all that is asked for, for long enough.
template <class Predicate>
bool watch_hub::is_covered(const watched& what, Predicate since) const {
  auto result = false;
  scopes_.for_each(what.key, [&](const auto& x) {
    result = result
             || (x.data.complete && x.what.covers(what) && since(x.data));
  });
  return result;
}

// -- watches ------------------------------------------------------------------

expected<void> watch_hub::check(const watch_request& req) {
  if (req.scope == watch_scope::prefix && !is_text(req.key))
    return fail(errc::invalid_argument,
                "a prefix must be a string, keyword or symbol");
  if (req.buffer == 0)
    return fail(errc::invalid_argument, "a buffer of no events keeps nothing");
  if (req.since_revision && req.scope != watch_scope::key)
    return fail(errc::invalid_argument,
                "a revision is that of one key, use a stamp or position");
  if (req.since_revision.has_value() + req.since_stamp.has_value()
        + req.since_position.has_value()
      > 1)
    return fail(errc::invalid_argument,
                "a watch begins at a revision, a stamp or a position");
  return {};
}

std::optional<uint64_t> watch_hub::find_start(const watch_request& req,
                                              int64_t stamp) const {
  std::optional<uint64_t> result;
  if (req.since_stamp && *req.since_stamp <= stamp) {
    auto since
      = [&](const scope& x) { return x.since_stamp < *req.since_stamp; };
    if (is_covered(watched_by(req), since))
      result = history_.find(*req.since_stamp, last_);
    return result;
  }
  if (req.since_revision)
    result = history_.find(req.key, *req.since_revision);
  else if (req.since_position && req.since_position->run == run_
           && req.since_position->sequence <= last_)
    result = req.since_position->sequence;
  if (!result || !history_.reaches(*result)
      || !is_covered(watched_by(req),
                     [&](const scope& x) { return x.since <= *result; }))
    return std::nullopt;
  return result;
}

watch_buffer& watch_hub::start(uint64_t id, uint64_t scope_id,
                               const watch_request& req, uint64_t after,
                               time_point now) {
  auto& in = scopes_.at(scope_id);
  auto& x
    = watches_
        .emplace(id, watch{id, scope_id, req.with_before, req.with_after,
                           watch_buffer{req.buffer, limits_.buffer_bytes}, now})
        .first->second;
  in.data.watches.push_back(&x);
  std::vector<uint64_t> news;
  std::vector<event_ptr> group;
  history_.replay(after, [&](const event_ptr& event) {
    if (!in.what.contains(event->content.key))
      return;
    if (!group.empty() && !same_batch(*group.back(), *event)) {
      push(x, group, news);
      group.clear();
    }
    group.push_back(
      shared_event{event}.for_watcher(x.with_before, x.with_after));
  });
  if (!group.empty())
    push(x, group, news);
  return x.buffer;
}

watch_buffer* watch_hub::find(uint64_t id, time_point now) {
  auto i = watches_.find(id);
  if (i == watches_.end())
    return nullptr;
  i->second.used = now;
  return &i->second.buffer;
}

bool watch_hub::end(uint64_t id, time_point now) {
  auto i = watches_.find(id);
  if (i == watches_.end())
    return false;
  std::erase(scopes_.at(i->second.scope).data.watches, &i->second);
  leave(i->second.scope, now);
  watches_.erase(i);
  return true;
}

fetch_events_reply watch_hub::take(watch_buffer& from, uint64_t limit) const {
  return from.take(limit, position());
}

// -- events -------------------------------------------------------------------

std::vector<uint64_t> watch_hub::publish(std::span<change_event> events) {
  std::vector<uint64_t> news;
  for (auto i = events.begin(); i != events.end();) {
    if (i->batch == 0) {
      publish_one(*i++, news);
      continue;
    }
    auto end = std::find_if(i, events.end(), [i](const change_event& x) {
      return x.batch != i->batch;
    });
    publish_batch({i, end}, news);
    i = end;
  }
  return news;
}

/// Numbers an event and finds its scopes; nothing if there are none.
std::optional<watch_hub::shared_event> watch_hub::share(change_event& x) {
  found_.clear();
  scopes_.for_each(x.key, [this](auto& in) { found_.push_back(&in.data); });
  if (found_.empty())
    return std::nullopt;
  ++counts_.events;
  auto size = size_of(x);
  return shared_event{new numbered_event{++last_, size, std::move(x)}};
}

void watch_hub::publish_one(change_event& x, std::vector<uint64_t>& news) {
  auto event = share(x);
  if (!event)
    return;
  for (auto in : found_)
    for (auto to : in->watches)
      push(*to, {&event->for_watcher(to->with_before, to->with_after), 1},
           news);
  history_.push({&event->full(), 1});
}

void watch_hub::publish_batch(std::span<change_event> xs,
                              std::vector<uint64_t>& news) {
  std::vector<event_ptr> all;
  std::unordered_map<watch*, std::vector<event_ptr>> parts;
  for (auto& x : xs) {
    auto event = share(x);
    if (!event)
      continue;
    for (auto in : found_)
      for (auto to : in->watches)
        parts[to].push_back(
          event->for_watcher(to->with_before, to->with_after));
    all.push_back(event->full());
  }
  for (auto& [to, part] : parts)
    push(*to, part, news);
  history_.push(all);
}

void watch_hub::push(watch& to, std::span<const event_ptr> group,
                     std::vector<uint64_t>& news) {
  if (!to.buffer.has_news())
    news.push_back(to.id);
  counts_.dropped += to.buffer.push(group);
}

std::vector<uint64_t> watch_hub::miss(uint64_t count, int64_t stamp) {
  std::vector<uint64_t> news;
  counts_.dropped += count;
  history_.clear(last_);
  scopes_.for_all([&](const auto& x) {
    if (x.data.complete)
      complete(x.id, stamp);
  });
  for (auto& [id, x] : watches_) {
    x.buffer.miss(count);
    news.push_back(id);
  }
  return news;
}

// -- time ---------------------------------------------------------------------

watch_hub::expired_items::scope_list watch_hub::expire_scopes(time_point now) {
  std::vector<std::pair<time_point, uint64_t>> unused;
  scopes_.for_all([&](const auto& x) {
    if (x.data.users == 0)
      unused.emplace_back(x.data.unused_since, x.id);
  });
  std::sort(unused.begin(), unused.end());
  expired_items::scope_list result;
  for (auto& [since, id] : unused) {
    if (since + limits_.timeout > now && scopes_.size() <= limits_.max_watches)
      break;
    result.emplace_back(id, *scopes_.remove(id));
  }
  if (scopes_.empty())
    history_.clear(last_);
  return result;
}

std::optional<watch_hub::time_point> watch_hub::next_expiry() const {
  std::optional<time_point> result;
  auto earlier
    = [&result](time_point x) { result = result ? std::min(*result, x) : x; };
  for (auto& [id, x] : watches_)
    earlier(x.used + limits_.timeout);
  scopes_.for_all([&](const auto& x) {
    if (x.data.users == 0)
      earlier(scopes_.size() > limits_.max_watches
                ? x.data.unused_since
                : x.data.unused_since + limits_.timeout);
  });
  return result;
}

} // namespace larder::internal
