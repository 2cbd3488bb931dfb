// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/shard.hpp"

#include "larder/internal/commit.hpp"
#include "larder/internal/engine_access.hpp"
#include "larder/internal/validators.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace larder::internal {

namespace {

/// Blobs up to this size are read in one go even if they may be binaries, of
/// which only the metadata is needed.
constexpr uint64_t inline_limit = uint64_t{1} << 20;

/// How often a commit that lost against another process is tried again.
constexpr int max_attempts = 100;

/// How many slots are kept for use.
constexpr size_t max_spare_slots = 256;

} // namespace

// -- slots --------------------------------------------------------------------

/// An operation in a slot.
struct shard::queued {
  operation_ptr op;
  uint64_t arrival;
  bool changed = false; ///< by `apply`
};

/// A key that something waits for.
struct shard::slot {
  value key;
  std::string encoded;

  /// What the engine holds, as far as `known` says.
  entry durable;
  std::optional<knowledge> known;

  /// An entry of the cache, good if the engine still has its revision.
  std::optional<entry> candidate;

  /// Why the blob cannot be read, if so; then `durable` has only what its
  /// header says.
  std::optional<error> damage;

  /// Whether the value is damaged, and not needed by what changes the key.
  bool value_damaged = false;

  /// What a load that is under way is to find out.
  std::optional<knowledge> loading;
  blob_part loading_part = blob_part::none;

  /// `durable` with the commit under way (if any), and with all operations
  /// applied so far.
  entry in_flight;
  entry current;

  bool committing = false;
  int attempts = 0;

  /// Numbers operations. What the engine has been asked last is news to those
  /// up to `covered` once it has been `asked`; before that, to all.
  uint64_t arrivals = 0;
  uint64_t covered = 0;
  bool asked = false;

  /// How many of the waiting operations go into commits of their own.
  size_t alone = 0;

  /// Not yet applied; applied and part of the commit under way (or dependent on
  /// it); applied and part of the next one.
  std::deque<queued> waiting;
  std::vector<queued> in_commit;
  std::vector<queued> next;

  /// The operation that holds the key.
  operation_ptr holder;

  /// How many operations of the commit under way change the key.
  size_t changes() const {
    return static_cast<size_t>(
      std::count_if(in_commit.begin(), in_commit.end(),
                    [](const queued& x) { return x.changed; }));
  }

  change_kind last_change() const {
    auto last = std::find_if(in_commit.rbegin(), in_commit.rend(),
                             [](const queued& x) { return x.changed; });
    return last->op->kind();
  }

  bool idle() const noexcept {
    return !committing && !loading && !holder && waiting.empty()
           && next.empty();
  }

  /// Makes the slot fit for another key; what the queues have allocated stays.
  void reset() {
    encoded.clear();
    durable = in_flight = current = entry{};
    known.reset();
    candidate.reset();
    damage.reset();
    value_damaged = false;
    attempts = 0;
    arrivals = covered = 0;
    asked = false;
    alone = 0;
  }
};

shard::shard(context_ptr ctx, actor_statistics& stats)
  : ctx_(std::move(ctx)),
    stats_(stats),
    cache_(ctx_->config().cache_size / ctx_->config().key_actors, stats) {
  // nop
}

/// Operations answer `closed` when they are destroyed.
shard::~shard() {
  error in_doubt{errc::unavailable,
                 "the store ended during a commit: the change may or may not "
                 "have been made"};
  for (auto& [key, s] : slots_)
    if (s->committing)
      for (auto& x : s->in_commit)
        if (x.changed)
          x.op->fail(in_doubt);
}

/// Makes the slot of a key that has none.
expected<shard::slot*> shard::make_slot(const value& key) {
  auto encoded = encode_key(key);
  if (!encoded)
    return fail(std::move(encoded.error()));
  if (encoded->size() > ctx_->caps().max_key_size)
    return fail(errc::limit_exceeded,
                "a key of " + std::to_string(encoded->size())
                  + " bytes is too large for " + ctx_->name());
  std::unique_ptr<slot> fresh;
  if (spare_slots_.empty()) {
    fresh = std::make_unique<slot>();
  } else {
    fresh = std::move(spare_slots_.back());
    spare_slots_.pop_back();
  }
  auto& s = *fresh;
  s.key = key;
  s.encoded = std::move(*encoded);
  if (auto cached = cache_.find(key)) {
    if (ctx_->shared()) {
      s.candidate = *cached;
    } else {
      s.durable = s.current = *cached;
      s.known = cached->known();
    }
  }
  (s.known || s.candidate ? stats_.cache_hits : stats_.cache_misses).add();
  slots_.emplace(key, std::move(fresh));
  return &s;
}

void shard::retire(const value& key) {
  auto i = slots_.find(key);
  if (i == slots_.end() || !i->second->idle())
    return;
  auto s = std::move(i->second);
  slots_.erase(i);
  if (s->known && *s->known != knowledge::existence && !s->damage)
    cache_.put(s->key, std::move(s->durable));
  if (spare_slots_.size() < max_spare_slots) {
    s->reset();
    spare_slots_.push_back(std::move(s));
  }
}

// -- the way of an operation --------------------------------------------------

const entry* shard::peek(const value& key, knowledge needs) {
  if (ctx_->shared() || (!slots_.empty() && slots_.contains(key)))
    return nullptr;
  auto result = cache_.find(key);
  return result != nullptr && result->known() >= needs ? result : nullptr;
}

expected<void> shard::change_at_once(const value& key,
                                     const std::string& encoded,
                                     const entry& before, entry after,
                                     change_kind kind) {
  if (before.present || after.present) {
    at_once_.clear();
    auto ok
      = make_mutations(*ctx_, stats_, encoded, before, after, 0, at_once_);
    if (ok) {
      auto outcomes = commit(*ctx_, at_once_, stats_);
      ctx_->changes().add(key);
      if (auto& outcome = outcome_of_group(outcomes); !outcome) {
        cache_.erase(key);
        tell_doubt(outcome.error());
        ok = fail(std::move(outcome.error()));
      }
    }
    if (!ok)
      return fail(ok.error().with_context(to_edn(key)));
    after.committed();
    if (listener_)
      listener_({key, kind, before, after, 1});
  }
  cache_.put(key, std::move(after));
  return {};
}

void shard::execute(operation_ptr op) {
  auto& cfg = ctx_->config();
  auto cost = op->cost();
  if (cost > cfg.max_pending_bytes) {
    op->fail(error{
      errc::limit_exceeded,
      "an operation of " + std::to_string(cost) + " bytes never fits, at most "
        + std::to_string(cfg.max_pending_bytes) + " may be under way"});
    return;
  }
  if (pending_operations_ >= cfg.max_pending_operations
      || pending_bytes_ + cost > cfg.max_pending_bytes) {
    stats_.overloaded.add();
    log_overload();
    op->fail(error{errc::overloaded, "too many operations under way on "
                                       + ctx_->name() + ", try again later"});
    return;
  }
  auto key = op->key();
  auto i = slots_.find(key);
  auto s = i != slots_.end() ? i->second.get() : nullptr;
  if (s == nullptr) {
    auto fresh = make_slot(key);
    if (!fresh) {
      op->fail(fresh.error());
      return;
    }
    s = *fresh;
  }
  stats_.in_flight.set(++pending_operations_);
  stats_.pending_bytes.set(pending_bytes_ += cost);
  s->waiting.push_back({std::move(op), ++s->arrivals});
  advance(*s);
  retire(key);
}

void shard::forget(const operation& op) {
  stats_.in_flight.set(--pending_operations_);
  stats_.pending_bytes.set(pending_bytes_ -= op.cost());
}

void shard::finish(operation_ptr op) {
  forget(*op);
  op->answer();
}

void shard::finish(operation_ptr op, const error& err) {
  forget(*op);
  op->fail(err);
}

// -- telling the operator -----------------------------------------------------

/// One line per second says it.
void shard::log_overload() {
  ++refused_;
  auto& log = ctx_->log();
  auto now = ctx_->now();
  if (!log.on()
      || (next_overload_log_ > now && now >= next_overload_log_ - 1000))
    return;
  next_overload_log_ = now + 1000;
  log.write(log_level::warning, "overloaded",
            {{"refused", std::exchange(refused_, 0)},
             {"in-flight", pending_operations_},
             {"pending-bytes", pending_bytes_}});
}

// -- applying -----------------------------------------------------------------

/// Applies as many operations as possible, starts a commit if one is due, and
/// goes on if that is done (or has failed) at once.
void shard::advance(slot& s) {
  while (!s.loading && !s.holder) {
    while (!s.holder && !s.waiting.empty() && (s.alone == 0 || s.next.empty())
           && apply_next(s)) {
      // nop
    }
    if (s.committing || s.loading || s.next.empty())
      return;
    start_commit(s);
    if (s.committing)
      return;
  }
}

/// Applies the first waiting operation. Returns false if it must wait.
bool shard::apply_next(slot& s) {
  auto& op = *s.waiting.front().op;
  auto quiet = !s.committing && s.next.empty();
  // The new content of a key need not be in memory.
  auto lacks = [&](knowledge needs) {
    return s.current.known() < needs && !(quiet && s.damage);
  };
  if (auto needs = needs_of(s, op);
      !s.known || *s.known < needs || lacks(needs)) {
    // What has been applied since may have made everything known.
    auto enough = !quiet
                  && (!s.current.present || s.current.has_content
                      || s.current.is_binary());
    if (!enough) {
      if (quiet)
        start_load(s, needs);
      return false;
    }
  }
  if (op.holds() && !quiet)
    return false;
  auto damaged = s.damage && quiet && op.needs() != knowledge::existence;
  auto changed = !damaged && !op.holds()
                 && op.apply(s.current, context_of(s.encoded));
  if (!changed && s.next.empty() && outdated(s)) {
    if (!s.committing)
      recheck(s);
    return false;
  }
  auto first = std::move(s.waiting.front());
  s.waiting.pop_front();
  first.changed = changed;
  if (s.alone > 0)
    --s.alone;
  if (damaged && first.op->may_change())
    finish(std::move(first.op),
           error{s.damage->code(),
                 s.damage->message() + "; the key can still be erased"});
  else if (damaged)
    finish(std::move(first.op), *s.damage);
  else if (first.op->holds())
    hold(s, std::move(first.op));
  else if (changed || !s.next.empty())
    s.next.push_back(std::move(first));
  else if (s.committing)
    s.in_commit.push_back(std::move(first));
  else
    finish(std::move(first.op));
  return true;
}

knowledge shard::needs_to_change(const value& key, knowledge needs) const {
  if (needs < knowledge::content
      && (is_validated(*ctx_, key) || (wants_before_ && wants_before_(key))))
    return knowledge::content;
  return needs;
}

knowledge shard::needs_of(const slot& s, const operation& op) const {
  auto needs = op.needs();
  return op.may_change() && !s.value_damaged ? needs_to_change(s.key, needs)
                                             : needs;
}

/// Whether another process may have written, before the first waiting operation
/// was asked for, what is not known here. A change is fenced by its commit; an
/// answer without one must be looked up.
bool shard::outdated(const slot& s) const {
  return ctx_->shared() && s.asked && s.waiting.front().arrival > s.covered;
}

/// Looks whether what is known is still so.
void shard::recheck(slot& s) {
  auto needs = needs_of(s, *s.waiting.front().op);
  if (!s.damage && s.known && *s.known != knowledge::existence)
    s.candidate = std::move(s.durable);
  s.known.reset();
  start_load(s, needs);
}

// -- holding ------------------------------------------------------------------

void shard::hold(slot& s, operation_ptr op) {
  s.holder = std::move(op);
  held_.push_back({s.holder.get(), &s.encoded, &s.durable});
}

std::vector<held_key> shard::take_held() {
  return std::exchange(held_, {});
}

void shard::release(const value& key, std::optional<entry> state) {
  auto& s = *slots_.at(key);
  if (state) {
    s.known = knowledge::content;
    s.damage.reset();
    s.durable = std::move(*state);
    s.current = s.durable;
  } else {
    cache_.erase(key);
    s.known.reset();
    s.durable = s.current = entry{};
  }
  release_unchanged(key);
}

void shard::release_unchanged(const value& key) {
  auto& s = *slots_.at(key);
  std::erase_if(held_, [&](auto& x) { return x.op == s.holder.get(); });
  finish(std::move(s.holder));
  advance(s);
  retire(key);
}

// -- loading ------------------------------------------------------------------

void shard::start_load(slot& s, knowledge needs) {
  read_request req;
  req.key = s.encoded;
  if (s.candidate || needs == knowledge::existence) {
    req.part = blob_part::header;
  } else if (needs == knowledge::metadata) {
    req.part = blob_part::metadata;
  } else {
    req.part = blob_part::range;
    req.length = inline_limit;
  }
  request_load(s, needs, std::move(req));
}

void shard::request_load(slot& s, knowledge needs, read_request req) {
  s.loading = needs;
  s.asked = false;
  s.loading_part = req.part;
  work_.loads.push_back(std::move(req));
  work_.load_keys.push_back(s.key);
}

void shard::loaded(const value& key, read_outcome outcome) {
  auto i = slots_.find(key);
  if (i == slots_.end() || !i->second->loading)
    return;
  auto& s = *i->second;
  auto needs = *std::exchange(s.loading, std::nullopt);
  s.damage.reset();
  auto own = s.waiting.front().op->needs();
  // A key that cannot be read can be changed if less of it will do, or if no
  // precondition need be met.
  auto is_damage = !outcome && outcome.error() == errc::corruption
                   && (own < needs || !ctx_->shared());
  if (!outcome && !is_damage) {
    // The engine could not tell: that is the answer to all who wait.
    auto err = outcome.error().with_context(to_edn(key));
    auto waiting = std::exchange(s.waiting, {});
    for (auto& x : waiting)
      finish(std::move(x.op), err);
    retire(key);
    return;
  }
  auto needs_more = false;
  expected<void> ok;
  if (!outcome) {
    s.durable = entry{};
    s.durable.present = true;
    s.durable.meta.key = s.key;
    ok = fail(std::move(outcome.error()));
  } else if (!*outcome) {
    s.durable = entry{};
    s.known = knowledge::content;
  } else if (s.candidate) {
    auto hdr = header::decode((*outcome)->data);
    auto candidate = std::exchange(s.candidate, std::nullopt);
    auto same = hdr && candidate->present && hdr->rev == candidate->meta.rev;
    if (!same) {
      start_load(s, needs);
      return;
    }
    s.durable = std::move(*candidate);
    s.known = s.durable.known();
  } else {
    ok = decode(s, **outcome, needs_more);
  }
  if (!ok) {
    if (own < needs) {
      // The value was wanted for show only: the change goes without.
      s.value_damaged = true;
      start_load(s, own);
      return;
    }
    s.damage = ok.error().with_context(to_edn(key));
    if (means_damage(ok.error()))
      report_damage(*ctx_, key, ok.error(), stats_);
    s.known = knowledge::content;
  }
  s.candidate.reset();
  if (needs_more)
    return;
  s.current = s.durable;
  advance(s);
  retire(key);
}

/// Fills in `durable` from a blob, or starts another load if `blob` is not
/// enough of it.
expected<void> shard::decode(slot& s, const blob_view& blob, bool& needs_more) {
  s.durable = entry{};
  s.durable.present = true;
  auto hdr = header::decode(blob.data);
  if (!hdr)
    return fail(std::move(hdr.error()));
  // Good for erasing a key whose blob is damaged further on.
  s.durable.meta.rev = hdr->rev;
  s.durable.meta.key = s.key;
  auto again = [&](blob_part part, knowledge needs) {
    needs_more = true;
    request_load(s, needs, {s.encoded, part, 0, 0, std::nullopt});
  };
  auto whole = blob.data.size() == blob.blob_size;
  auto log = hdr->has(header::flag_log);
  if (log && !whole) {
    // Whatever happens to a log, its head tells what else there is of it. If
    // that cannot be read, there is no lesser part to be content with.
    again(blob_part::all, knowledge::existence);
    return {};
  }
  if (s.loading_part == blob_part::header) {
    // An expiry makes a key absent: not before its checksum is verified.
    if (hdr->expiry != 0)
      again(blob_part::metadata, knowledge::existence);
    else
      s.known = knowledge::existence;
    return {};
  }
  auto binary = hdr->has(header::flag_binary);
  if ((s.loading_part == blob_part::metadata && !log) || (binary && whole)
      || (binary && hdr->value_offset() <= blob.data.size())) {
    auto meta = ctx_->blobs().decode_metadata(s.encoded, blob.data);
    if (!meta)
      return fail(std::move(meta.error()));
    s.durable.meta = std::move(*meta);
    s.known = s.durable.known();
    return {};
  }
  if (!whole) {
    again(binary ? blob_part::metadata : blob_part::all, knowledge::content);
    return {};
  }
  auto doc = ctx_->blobs().decode(s.encoded, blob.data, blob.lasting_owner());
  if (!doc)
    return fail(std::move(doc.error()));
  stats_.plain_read.add(doc->plain_size);
  s.durable.meta = std::move(doc->meta);
  s.durable.content = std::move(doc->content);
  s.durable.has_content = !s.durable.is_binary();
  s.known = knowledge::content;
  return {};
}

// -- committing ---------------------------------------------------------------

void shard::start_commit(slot& s) {
  s.in_flight = s.current;
  s.current.side.clear();
  s.in_commit.swap(s.next);
  if (!s.in_flight.present && !s.durable.present && s.in_flight.side.empty()
      && !ctx_->shared()) {
    // Made and erased before anything was written: nothing to do.
    complete_commit(s);
    return;
  }
  auto changes = s.changes();
  auto index = work_.commits.size();
  auto ok = make_mutations(*ctx_, stats_, s.encoded, s.durable, s.in_flight, 0,
                           work_.commits);
  if (!ok && changes > 1) {
    // One of them asks for what cannot be stored: the others must not suffer.
    s.alone = s.in_commit.size();
    retry(s);
    return;
  }
  if (!ok) {
    commit_failed(s, ok.error().with_context(to_edn(s.key)));
    return;
  }
  s.committing = true;
  s.asked = false;
  stats_.combined.add(changes - 1);
  work_.commit_keys.push_back({s.key, index, work_.commits.size() - index});
}

void shard::committed(const value& key, std::span<commit_outcome> outcomes) {
  auto i = slots_.find(key);
  if (i == slots_.end() || !i->second->committing)
    return;
  auto& s = *i->second;
  s.committing = false;
  ctx_->changes().add(key);
  auto& outcome = outcome_of_group(outcomes);
  if (outcome) {
    complete_commit(s);
  } else if (outcome.error() == errc::precondition_failed
             || outcome.error() == errc::conflict) {
    stats_.conflicts.add();
    if (++s.attempts < max_attempts) {
      retry(s);
    } else {
      if (auto& log = ctx_->log(); log.on())
        log.write(log_level::warning, "conflict",
                  {log.key(key), {"attempts", max_attempts}});
      commit_failed(s,
                    error{errc::conflict, to_edn(key) + ": other writers won "
                                            + std::to_string(max_attempts)
                                            + " times in a row"});
    }
  } else {
    commit_failed(s, outcome.error().with_context(to_edn(key)));
  }
  advance(s);
  retire(key);
}

/// What was in flight is durable now: answers those who wait for it.
void shard::complete_commit(slot& s) {
  s.attempts = 0;
  s.damage.reset();
  s.value_damaged = false;
  // The new bytes of a binary were needed for the commit only.
  if (s.current.new_blob == s.in_flight.new_blob)
    s.current.new_blob.reset();
  if (s.current.new_stream == s.in_flight.new_stream)
    s.current.new_stream.reset();
  s.in_flight.committed();
  if (listener_ && (s.durable.present || s.in_flight.present))
    listener_({s.key, s.last_change(), s.durable, s.in_flight, s.changes()});
  s.known = s.in_flight.known();
  s.durable = std::exchange(s.in_flight, {});
  for (auto& x : s.in_commit)
    finish(std::move(x.op));
  s.in_commit.clear();
}

/// Everything applied since the last durable state goes back to where it waits,
/// the state is read again.
void shard::retry(slot& s) {
  auto back = std::move(s.in_commit);
  back.insert(back.end(), std::make_move_iterator(s.next.begin()),
              std::make_move_iterator(s.next.end()));
  s.in_commit.clear();
  s.next.clear();
  s.waiting.insert(s.waiting.begin(), std::make_move_iterator(back.begin()),
                   std::make_move_iterator(back.end()));
  s.known.reset();
  s.current = s.durable = s.in_flight = entry{};
  cache_.erase(s.key);
}

/// The changes of the commit fail; what only looked at their effect, or came
/// after them, is done again on what the engine really holds.
void shard::commit_failed(slot& s, const error& err) {
  cache_.erase(s.key);
  s.attempts = 0;
  std::vector<queued> failed;
  std::vector<queued> observers;
  for (auto& x : s.in_commit)
    (x.changed ? failed : observers).push_back(std::move(x));
  s.in_commit = std::move(observers);
  retry(s);
  tell_doubt(err);
  for (auto& x : failed)
    finish(std::move(x.op), err);
}

/// Tells the listener of a failed commit whose change may be found all the
/// same.
void shard::tell_doubt(const error& err) const {
  if (in_doubt_ && err.data_loss())
    in_doubt_();
}

// -- work ---------------------------------------------------------------------

engine_work shard::take_work() {
  auto result = std::exchange(work_, {});
  if (!ctx_->shared())
    return result;
  auto asked = [this](const value& key) {
    auto& s = *slots_.at(key);
    s.asked = true;
    s.covered = s.arrivals;
  };
  for (auto& key : result.load_keys)
    asked(key);
  for (auto& x : result.commit_keys)
    asked(x.key);
  return result;
}

} // namespace larder::internal
