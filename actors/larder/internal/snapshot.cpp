// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/snapshot.hpp"

#include "larder/internal/apply.hpp"
#include "larder/internal/count_operation.hpp"
#include "larder/internal/routing.hpp"

#include <limits>
#include <utility>

namespace larder::internal {

namespace {

/// How often changed keys are looked at again before they are held.
constexpr int max_attempts = 4;

} // namespace

// -- what was seen ------------------------------------------------------------

snapshot::snapshot(std::vector<value> keys, size_t key_actors,
                   change_counters& changes)
  : todo(key_actors), items_(keys.size()) {
  answer_.found.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    auto hash = keys[i].hash();
    items_[i].changes = &changes.of(hash);
    todo[route(hash, key_actors)].push_back(i);
    answer_.found.push_back({std::move(keys[i]), {}, {}});
  }
}

void snapshot::take(size_t i, const entry& state) {
  auto& item = items_[i];
  item.seen = item.changes->load();
  if (!state.present) {
    item.gone_from = std::numeric_limits<int64_t>::min();
    return;
  }
  item.gone_from
    = state.meta.expiry.value_or(std::numeric_limits<int64_t>::max());
  item.failure.reset();
  auto& found = answer_.found[i];
  if (state.is_value()) {
    found.content = state.content;
    found.rev = state.meta.rev;
  } else {
    // Whether it has expired is decided when all keys have been seen.
    item.failure
      = std::make_unique<error>(whole_value(found.key, state).error());
  }
}

void snapshot::fail(size_t i, const error& err) {
  auto& item = items_[i];
  item.seen = item.changes->load();
  item.gone_from = std::numeric_limits<int64_t>::max();
  item.failure = std::make_unique<error>(err);
}

size_t snapshot::mark_changed() {
  size_t result = 0;
  for (auto& xs : todo)
    xs.clear();
  for (size_t i = 0; i < items_.size(); ++i)
    if (items_[i].changed()) {
      todo[route(key(i).hash(), todo.size())].push_back(i);
      ++result;
    }
  return result;
}

expected<multi_get_reply> snapshot::take_reply(int64_t now) {
  auto& found = answer_.found;
  size_t live = 0;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].gone_from <= now)
      continue;
    if (items_[i].failure)
      return larder::fail(std::move(*items_[i].failure));
    if (live != i)
      found[live] = std::move(found[i]);
    ++live;
  }
  found.resize(live);
  return std::move(answer_);
}

std::vector<value> snapshot::take_keys() {
  std::vector<value> result;
  result.reserve(answer_.found.size());
  for (auto& x : answer_.found)
    result.push_back(std::move(x.key));
  return result;
}

// -- looking ------------------------------------------------------------------

/// Looks at a key when its turn has come.
class snapshot_reader::look_operation : public operation {
public:
  /// Counts the keys that one key actor has not seen yet.
  struct progress {
    snapshot_reader& reader;
    snapshot_ptr what;
    caf::actor asked_by;
    size_t missing;

    /// By message also to this actor: what comes next may look at the key that
    /// is being answered for.
    void one_less() {
      if (--missing > 0)
        return;
      --reader.looking_;
      detail::send(reader.parts_.self, asked_by, snapshot_seen{what});
    }
  };

  look_operation(std::shared_ptr<progress> whose, size_t index)
    : whose_(std::move(whose)), index_(index) {
    // nop
  }

  const value& key() const noexcept override {
    return whose_->what->key(index_);
  }

  knowledge needs() const noexcept override {
    return knowledge::content;
  }

  size_t cost() const noexcept override {
    return sizeof(*this);
  }

  change_kind kind() const noexcept override {
    return change_kind::put; // never made
  }

  bool apply(entry& state, const apply_context&) override {
    state_ = state;
    return false;
  }

  /// What `apply` has seen is durable now, and the last that is.
  void answer() override {
    whose_->what->take(index_, state_);
    whose_->one_less();
  }

  void fail(const error& err) override {
    whose_->what->fail(index_, err);
    whose_->one_less();
  }

private:
  std::shared_ptr<progress> whose_;
  size_t index_;
  entry state_;
};

void snapshot_reader::look(const snapshot_ptr& what,
                           const caf::actor& asked_by) {
  std::vector<size_t> rest;
  for (auto i : what->todo[parts_.index]) {
    if (auto known = parts_.keys->peek(what->key(i), knowledge::content)) {
      parts_.stats->cache_hits.add();
      what->take(i, *known);
    } else {
      rest.push_back(i);
    }
  }
  if (rest.empty()) {
    if (asked_by == parts_.self)
      looked(what);
    else
      detail::send(parts_.self, asked_by, snapshot_seen{what});
    return;
  }
  ++looking_;
  auto whose = std::make_shared<look_operation::progress>(
    look_operation::progress{*this, what, asked_by, rest.size()});
  for (auto i : rest)
    parts_.keys->execute(std::make_unique<look_operation>(whose, i));
}

// -- asking -------------------------------------------------------------------

void snapshot_reader::start(multi_get_request req,
                            promise<multi_get_reply> answer) {
  auto what = std::make_shared<snapshot>(
    std::move(req.keys), parts_.peers.size(), parts_.ctx->changes());
  auto [i, is_new]
    = waiting_.emplace(what.get(), request{std::move(answer), {}, 0});
  ask(what, i->second);
}

void snapshot_reader::ask(const snapshot_ptr& what, request& req) {
  auto here = caf::actor_cast<caf::actor>(parts_.self);
  auto mine = !what->todo[parts_.index].empty();
  for (auto& xs : what->todo)
    req.missing += xs.empty() ? 0 : 1;
  for (size_t i = 0; i < what->todo.size(); ++i)
    if (i != parts_.index && !what->todo[i].empty())
      detail::send(parts_.self, parts_.peers[i], look_at_snapshot{what, here});
  if (mine)
    look(what, here);
  else if (req.missing == 0)
    finish(what);
}

void snapshot_reader::looked(const snapshot_ptr& what) {
  auto i = waiting_.find(what.get());
  if (i != waiting_.end() && --i->second.missing == 0)
    finish(what);
}

void snapshot_reader::finish(const snapshot_ptr& what) {
  auto i = waiting_.find(what.get());
  auto changed = what->mark_changed();
  if (changed > 0 && ++what->attempts < max_attempts) {
    parts_.stats->snapshot_retries.add();
    return ask(what, i->second);
  }
  auto req = std::move(i->second);
  waiting_.erase(i);
  if (changed > 0)
    return fallback_({what->take_keys()}, std::move(req.answer));
  auto result = what->take_reply(parts_.ctx->now());
  count_operation(*parts_.ctx, *parts_.stats, op_kind::multi_get, !result,
                  req.age.microseconds(), nullptr, what->size());
  req.answer.deliver(std::move(result));
}

} // namespace larder::internal
