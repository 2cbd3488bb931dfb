// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/watch_actor.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/random_id.hpp"
#include "larder/internal/routing.hpp"
#include "larder/internal/watch_hub.hpp"
#include "larder/internal/when_over.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

namespace larder::internal {

namespace {

using time_point = watch_hub::time_point;

/// Watchers that wait are answered at once, but no more than `pace` of them in
/// `period`: what a thousand busy watchers cost the writers stays bounded, as
/// events gather meanwhile and go out together.
constexpr auto period = std::chrono::milliseconds{10};
constexpr size_t pace = 50;

watch_limits limits_of(const store_config& cfg) {
  // A reply must fit into a message.
  auto bytes = std::min(cfg.watch_buffer_bytes, cfg.max_message_size);
  return {cfg.max_watches, bytes, cfg.watch_history, cfg.watch_history_bytes,
          cfg.watch_timeout};
}

class watch_actor : public caf::event_based_actor {
public:
  watch_actor(caf::actor_config& cfg, context_ptr ctx,
              std::vector<caf::actor> key_actors)
    : caf::event_based_actor(cfg),
      ctx_(std::move(ctx)),
      stats_(ctx_->shared_statistics()),
      key_actors_(std::move(key_actors)),
      hub_(limits_of(ctx_->config()), random_id()) {
    // nop
  }

  const char* name() const override {
    return "larder.watch-hub";
  }

  caf::behavior make_behavior() override {
    return {
      [this](watch_request& req) { return watch(req); },
      [this](const fetch_events_request& req) { return fetch(req); },
      [this](const unwatch_request& req) {
        return unwatch_reply{end(req.watch)};
      },
      [this](watched_changes& msg) { take(msg); },
      [this](tick) { on_tick(); },
      [](const post& msg) { msg.run(); },
    };
  }

  void on_exit() override {
    waiting_.clear();
    starting_.clear();
    key_actors_.clear();
  }

private:
  using reply_promise = std::shared_ptr<promise<watch_reply>>;

  /// A fetch that waits for events.
  struct pending_fetch {
    promise<fetch_events_reply> answer;
    uint64_t limit;
    time_point deadline;
    bool ready = false;
  };

  time_point now() const {
    return clock().now();
  }

  // -- beginning --------------------------------------------------------------

  caf::result<watch_reply> watch(watch_request& req) {
    if (auto ok = watch_hub::check(req); !ok)
      return to_caf(ok.error());
    if (hub_.watches() + starting_count_ >= ctx_->config().max_watches)
      return to_caf(error{errc::overloaded,
                          std::to_string(ctx_->config().max_watches)
                            + " watches are open already, try again later"});
    // The promise takes the sender away.
    auto subscriber = caf::actor_cast<caf::actor_addr>(current_sender());
    look_for_end(current_sender());
    auto answer = std::make_shared<promise<watch_reply>>(this);
    auto result = answer->handle();
    ++starting_count_;
    auto what = watched_by(req);
    auto scope = hub_.enter(what);
    if (scope.added)
      announce(scope.id, what);
    auto go_on = [this, scope, answer, subscriber, r = std::move(req)] {
      start(r, scope.id, subscriber, answer);
    };
    if (hub_.is_complete(scope.id))
      go_on();
    else
      starting_[scope.id].push_back(std::move(go_on));
    return result;
  }

  /// Has all key actors look out for a scope; goes on when they do.
  void announce(uint64_t id, const watched& what) {
    auto left = std::make_shared<size_t>(key_actors_.size());
    auto one_less = [this, id, left] {
      if (--*left > 0)
        return;
      hub_.complete(id, ctx_->stamp());
      auto node = starting_.extract(id);
      for (auto& f : node.mapped())
        f();
    };
    for (auto& hdl : key_actors_)
      detail::request(this, hdl, add_scope{id, what})
        .then([one_less](scope_added) { one_less(); },
              // It ends, and the store with it.
              [](const caf::error&) {});
  }

  void start(const watch_request& req, uint64_t scope,
             const caf::actor_addr& subscriber, const reply_promise& answer) {
    auto end = hub_.position().sequence;
    auto since = req.since_revision || req.since_stamp || req.since_position;
    auto after = since ? hub_.find_start(req, ctx_->stamp()) : end;
    --starting_count_;
    auto id = random_id();
    auto& buffer = hub_.start(id, scope, req, after.value_or(end), now());
    stats_.watchers.set(hub_.watches());
    if (auto i = subscribers_.find(subscriber); i != subscribers_.end()) {
      i->second.insert(id);
      owners_.emplace(id, subscriber);
    }
    auto reply = watch_reply{id, {hub_.position().run, after.value_or(end)}};
    if (req.since_revision && !after)
      return compare_revision(req, scope, reply, answer);
    if (!after)
      buffer.miss(0);
    check_at(now() + ctx_->config().watch_timeout);
    answer->deliver(reply);
  }

  /// The history does not know the revision, but perhaps it is still the key's.
  void compare_revision(const watch_request& req, uint64_t scope,
                        const watch_reply& reply, const reply_promise& answer) {
    auto& owner = key_actors_[route(req.key, key_actors_.size())];
    auto seen = *req.since_revision;
    auto found = [=, this](bool same) {
      // Once more through the key actor: what was committed before it looked
      // has become known then.
      detail::request(this, owner, add_scope{scope, watched_by(req)})
        .then(
          [=, this](scope_added) {
            if (auto buffer = hub_.find(reply.watch, now())) {
              if (same)
                buffer->forget_until(seen);
              else
                buffer->miss(0);
            }
            check_at(now() + ctx_->config().watch_timeout);
            answer->deliver(reply);
          },
          [=](const caf::error& err) { answer->fail(to_error(err)); });
    };
    detail::request(this, owner, metadata_request{req.key})
      .then([=](const metadata_reply& x) { found(x.meta.rev == seen); },
            [=](const caf::error& err) {
              found(to_error(err) == errc::not_found && !seen.valid());
            });
  }

  // -- fetching ---------------------------------------------------------------

  caf::result<fetch_events_reply> fetch(const fetch_events_request& req) {
    if (req.limit == 0 || req.wait.count() < 0)
      return to_caf(error{errc::invalid_argument,
                          "fetch at least one event, and do not wait for a "
                          "negative time"});
    auto buffer = hub_.find(req.watch, now());
    if (buffer == nullptr)
      return to_caf(error{errc::not_found,
                          "no such watch: it has ended, or nobody has fetched "
                          "from it for too long"});
    buffer->acknowledge(req.received);
    if (auto former = waiting_.extract(req.watch))
      former.mapped().answer.fail(
        error{errc::conflict, "another fetch has taken the place of this one"});
    auto wait = std::min(req.wait, ctx_->config().watch_timeout);
    if (wait.count() == 0)
      return taken(*buffer, req.limit);
    pending_fetch pending{promise<fetch_events_reply>{this}, req.limit,
                          now() + wait};
    auto result = pending.answer.handle();
    check_at(pending.deadline);
    waiting_.emplace(req.watch, std::move(pending));
    if (buffer->has_news())
      make_ready(req.watch);
    answer_ready();
    return result;
  }

  fetch_events_reply taken(watch_buffer& from, uint64_t limit) {
    auto result = hub_.take(from, limit);
    if (result.resync)
      stats_.watch_resyncs.add_shared();
    return result;
  }

  void make_ready(uint64_t id) {
    auto i = waiting_.find(id);
    if (i != waiting_.end() && !std::exchange(i->second.ready, true))
      ready_.push_back(id);
  }

  void answer(uint64_t id) {
    auto node = waiting_.extract(id);
    if (node.empty())
      return;
    auto& fetch = node.mapped();
    if (auto buffer = hub_.find(id, now()))
      fetch.answer.deliver(taken(*buffer, fetch.limit));
  }

  void answer_ready() {
    if (ready_.empty())
      return;
    if (now() - period_start_ >= period) {
      period_start_ = now();
      answered_ = 0;
    }
    while (!ready_.empty() && answered_ < pace) {
      ++answered_;
      answer(ready_.front());
      ready_.pop_front();
    }
    if (!ready_.empty())
      wake_at(period_start_ + period);
  }

  // -- events -----------------------------------------------------------------

  void take(watched_changes& msg) {
    if (auto missed = ctx_->backlog().arrived(msg.bytes); missed > 0)
      for (auto id : hub_.miss(missed, ctx_->stamp()))
        make_ready(id);
    if (msg.items) {
      for (auto id : hub_.publish(*msg.items))
        make_ready(id);
      ctx_->backlog().give_back(std::move(msg.items));
    }
    count();
    answer_ready();
  }

  /// Adds what the hub has counted to the statistics of the store.
  void count() {
    auto& counts = hub_.counts();
    stats_.watch_events.add_shared(counts.events - counted_.events);
    stats_.watch_dropped.add_shared(counts.dropped - counted_.dropped);
    counted_ = counts;
  }

  // -- ending -----------------------------------------------------------------

  bool end(uint64_t id) {
    auto existed = hub_.end(id, now());
    ended(id);
    check_at(now() + ctx_->config().watch_timeout);
    return existed;
  }

  /// Forgets what belongs to a watch that is over.
  void ended(uint64_t id) {
    if (auto node = waiting_.extract(id))
      node.mapped().answer.fail(error{errc::not_found, "the watch has ended"});
    if (auto node = owners_.extract(id))
      if (auto i = subscribers_.find(node.mapped()); i != subscribers_.end())
        i->second.erase(id);
    stats_.watchers.set(hub_.watches());
  }

  /// Sees to it that the watches of an actor end with it.
  void look_for_end(const caf::strong_actor_ptr& subscriber) {
    if (!subscriber)
      return;
    auto addr = caf::actor_cast<caf::actor_addr>(subscriber);
    if (!subscribers_.try_emplace(addr).second)
      return;
    when_over(this, subscriber->get(), [this, addr] {
      if (auto node = subscribers_.extract(addr))
        for (auto id : node.mapped())
          end(id);
    });
  }

  // -- time -------------------------------------------------------------------

  /// Sees to it that `on_tick` runs at a time, or before it.
  void wake_at(time_point when) {
    when = std::max(when, now() + period);
    if (!ticks_.empty() && *ticks_.begin() <= when)
      return;
    ticks_.insert(when);
    auto delay = std::chrono::ceil<std::chrono::milliseconds>(when - now());
    detail::delayed_send(this, this, delay, tick{});
  }

  /// Sees to it that `end_what_is_over` runs at a time, or before it.
  void check_at(time_point when) {
    next_check_ = std::min(next_check_, when);
    wake_at(when);
  }

  void on_tick() {
    if (!ticks_.empty())
      ticks_.erase(ticks_.begin());
    if (auto time = now(); next_check_ <= time)
      end_what_is_over(time);
    else if (next_check_ != time_point::max())
      wake_at(next_check_); // this tick may have stood for that one
    answer_ready();
  }

  /// Goes through all fetches, watches and scopes.
  void end_what_is_over(time_point time) {
    next_check_ = time_point::max();
    std::vector<uint64_t> due;
    std::optional<time_point> next;
    for (auto& [id, x] : waiting_)
      if (x.deadline <= time)
        due.push_back(id);
      else
        next = next ? std::min(*next, x.deadline) : x.deadline;
    for (auto id : due)
      answer(id);
    auto over = hub_.expire(
      time, [this](uint64_t id) { return waiting_.contains(id); });
    for (auto id : over.watches)
      ended(id);
    for (auto& [id, what] : over.scopes)
      for (auto& hdl : key_actors_)
        detail::send(this, hdl, remove_scope{id});
    if (next)
      check_at(*next);
    if (auto expiry = hub_.next_expiry())
      check_at(*expiry);
  }

  context_ptr ctx_;
  actor_statistics& stats_;
  watch_counts counted_;
  std::vector<caf::actor> key_actors_;
  watch_hub hub_;
  /// What waits for a scope to be complete.
  std::unordered_map<uint64_t, std::vector<std::function<void()>>> starting_;
  size_t starting_count_ = 0;
  std::unordered_map<uint64_t, pending_fetch> waiting_;
  std::deque<uint64_t> ready_;
  time_point period_start_{};
  size_t answered_ = 0;
  /// The watches of each actor that has asked for some and lives.
  std::map<caf::actor_addr, std::set<uint64_t>> subscribers_;
  std::unordered_map<uint64_t, caf::actor_addr> owners_;
  time_point next_check_ = time_point::max();
  /// When ticks are going to come.
  std::multiset<time_point> ticks_;
};

} // namespace

caf::actor spawn_watch_actor(caf::actor_system& sys, context_ptr ctx,
                             std::vector<caf::actor> key_actors) {
  return sys.spawn<watch_actor>(std::move(ctx), std::move(key_actors));
}

} // namespace larder::internal
