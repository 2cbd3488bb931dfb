// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/shard.hpp"

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

  bool idle() const noexcept {
    return !committing && !loading && waiting.empty() && next.empty();
  }
};

shard::shard(context_ptr ctx, actor_statistics& stats)
  : ctx_(std::move(ctx)),
    stats_(stats),
    cache_(ctx_->config().cache_size / ctx_->config().key_actors, stats) {
  fill_random(std::span{next_revision_.data}.first(8));
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

revision shard::mint() {
  auto counter = load_big_endian<uint64_t>(&next_revision_.data[8]) + 1;
  store_big_endian(&next_revision_.data[8], counter);
  return next_revision_;
}

apply_context shard::context_of(const slot& s) {
  return {*ctx_, s.encoded, ctx_->now(), [this] { return mint(); }};
}

shard::slot& shard::make_slot(const value& key) {
  auto& ptr = slots_[key];
  ptr = std::make_unique<slot>();
  ptr->key = key;
  return *ptr;
}

void shard::retire(const value& key) {
  auto i = slots_.find(key);
  if (i == slots_.end() || !i->second->idle())
    return;
  auto& s = *i->second;
  if (s.known == knowledge::content || s.known == knowledge::metadata) {
    if (!s.damage)
      cache_.put(s.key, std::move(s.durable));
  }
  slots_.erase(i);
}

// -- the way of an operation --------------------------------------------------

const entry* shard::peek(const value& key, knowledge needs) {
  if (ctx_->shared() || (!slots_.empty() && slots_.contains(key)))
    return nullptr;
  auto result = cache_.find(key);
  if (result == nullptr)
    return nullptr;
  if (needs == knowledge::content && result->present && !result->has_content
      && !result->is_binary())
    return nullptr;
  return result;
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
    op->fail(error{errc::overloaded, "too many operations under way on "
                                       + ctx_->name() + ", try again later"});
    return;
  }
  auto key = op->key();
  auto i = slots_.find(key);
  auto s = i != slots_.end() ? i->second.get() : nullptr;
  if (s == nullptr) {
    auto encoded = encode_key(key);
    if (!encoded) {
      op->fail(encoded.error());
      return;
    }
    if (encoded->size() > ctx_->caps().max_key_size) {
      op->fail(error{errc::limit_exceeded,
                     "a key of " + std::to_string(encoded->size())
                       + " bytes is too large for " + ctx_->name()});
      return;
    }
    s = &make_slot(key);
    s->encoded = std::move(*encoded);
    if (auto cached = cache_.find(key)) {
      if (ctx_->shared()) {
        s->candidate = *cached;
      } else {
        s->durable = s->current = *cached;
        s->known = cached->present && !cached->has_content
                       && !cached->is_binary()
                     ? knowledge::metadata
                     : knowledge::content;
      }
    }
    (s->known || s->candidate ? stats_.cache_hits : stats_.cache_misses).add();
  }
  ++pending_operations_;
  pending_bytes_ += cost;
  s->waiting.push_back({std::move(op), ++s->arrivals});
  advance(*s);
  retire(key);
}

void shard::finish(operation_ptr op) {
  --pending_operations_;
  pending_bytes_ -= op->cost();
  op->answer();
}

void shard::finish(operation_ptr op, const error& err) {
  --pending_operations_;
  pending_bytes_ -= op->cost();
  op->fail(err);
}

/// Applies as many operations as possible, starts a commit if one is due, and
/// goes on if that is done (or has failed) at once.
void shard::advance(slot& s) {
  while (!s.loading) {
    while (!s.waiting.empty() && (s.alone == 0 || s.next.empty())
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
  if (!s.known || *s.known < op.needs()) {
    // What has been applied since may have made everything known.
    auto enough = !quiet
                  && (!s.current.present || s.current.has_content
                      || s.current.is_binary());
    if (!enough) {
      if (quiet)
        start_load(s, op.needs());
      return false;
    }
  }
  auto damaged = s.damage && quiet && op.needs() != knowledge::existence;
  auto changed = !damaged && op.apply(s.current, context_of(s));
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
  if (damaged)
    finish(std::move(first.op), *s.damage);
  else if (changed || !s.next.empty())
    s.next.push_back(std::move(first));
  else if (s.committing)
    s.in_commit.push_back(std::move(first));
  else
    finish(std::move(first.op));
  return true;
}

/// Whether another process may have written, before the first waiting operation
/// was asked for, what is not known here. A change is fenced by its commit; an
/// answer without one must be looked up.
bool shard::outdated(const slot& s) const {
  return ctx_->shared() && s.asked && s.waiting.front().arrival > s.covered;
}

/// Looks whether what is known is still so.
void shard::recheck(slot& s) {
  auto needs = s.waiting.front().op->needs();
  if (!s.damage && s.known && *s.known != knowledge::existence)
    s.candidate = std::move(s.durable);
  s.known.reset();
  start_load(s, needs);
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
  if (!outcome) {
    // The engine could not tell: that is the answer to all who wait.
    auto err = outcome.error().with_context(to_edn(key));
    auto waiting = std::exchange(s.waiting, {});
    for (auto& x : waiting)
      finish(std::move(x.op), err);
    retire(key);
    return;
  }
  auto needs_more = false;
  if (!*outcome) {
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
    s.known = s.durable.has_content || s.durable.is_binary()
                ? knowledge::content
                : knowledge::metadata;
  } else if (auto ok = decode(s, **outcome, needs_more); !ok) {
    s.damage = ok.error().with_context(to_edn(key));
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
  if (s.loading_part == blob_part::header) {
    // An expiry makes a key absent: not before its checksum is verified.
    if (hdr->expiry != 0)
      again(blob_part::metadata, knowledge::existence);
    else
      s.known = knowledge::existence;
    return {};
  }
  auto binary = hdr->has(header::flag_binary);
  auto whole = blob.data.size() == blob.blob_size;
  stats_.bytes_decoded.add(blob.data.size());
  if (s.loading_part == blob_part::metadata || (binary && whole)
      || (binary && hdr->value_offset() <= blob.data.size())) {
    auto meta = ctx_->blobs().decode_metadata(s.encoded, blob.data);
    if (!meta)
      return fail(std::move(meta.error()));
    s.durable.meta = std::move(*meta);
    s.known = s.durable.is_binary() ? knowledge::content : knowledge::metadata;
    return {};
  }
  if (!whole) {
    again(binary ? blob_part::metadata : blob_part::all, knowledge::content);
    return {};
  }
  auto doc = ctx_->blobs().decode(s.encoded, blob.data);
  if (!doc)
    return fail(std::move(doc.error()));
  s.durable.meta = std::move(doc->meta);
  s.durable.content = std::move(doc->content);
  s.durable.has_content = !s.durable.is_binary();
  s.known = knowledge::content;
  return {};
}

// -- committing ---------------------------------------------------------------

void shard::start_commit(slot& s) {
  s.in_flight = s.current;
  s.in_commit = std::exchange(s.next, {});
  if (!s.in_flight.present && !s.durable.present && !ctx_->shared()) {
    // Made and erased before anything was written: nothing to do.
    complete_commit(s);
    return;
  }
  auto changes = static_cast<size_t>(
    std::count_if(s.in_commit.begin(), s.in_commit.end(),
                  [](const queued& x) { return x.changed; }));
  auto mut = make_mutation(s);
  if (!mut && changes > 1) {
    // One of them asks for what cannot be stored: the others must not suffer.
    s.alone = s.in_commit.size();
    retry(s);
    return;
  }
  if (!mut) {
    commit_failed(s, mut.error().with_context(to_edn(s.key)));
    return;
  }
  s.committing = true;
  s.asked = false;
  stats_.combined.add(changes - 1);
  work_.commits.push_back(std::move(*mut));
  work_.commit_keys.push_back(s.key);
}

expected<mutation> shard::make_mutation(slot& s) {
  mutation result;
  result.key = s.encoded;
  if (ctx_->shared())
    result.condition = s.durable.present
                         ? precondition::matches(s.durable.meta.rev)
                         : precondition::absent();
  auto& x = s.in_flight;
  if (!x.present)
    return result;
  if (x.new_stream) {
    auto prefix = x.new_stream->make_prefix(x.meta.last_write);
    if (!prefix)
      return fail(std::move(prefix.error()));
    if (auto ok = x.new_stream->blob->set_prefix(*prefix); !ok)
      return fail(std::move(ok.error()));
    result.content = x.new_stream->blob;
    return result;
  }
  if (!x.new_blob) {
    auto blob = ctx_->blobs().encode(s.encoded, x.meta, x.content);
    if (!blob)
      return fail(std::move(blob.error()));
    result.content = std::make_shared<const bytes>(std::move(*blob));
  } else {
    result.content = x.new_blob;
  }
  auto size = std::get<std::shared_ptr<const bytes>>(result.content)->size();
  if (size > ctx_->caps().max_blob_size)
    return fail(errc::limit_exceeded, "a blob of " + std::to_string(size)
                                        + " bytes is too large for "
                                        + ctx_->name());
  stats_.bytes_encoded.add(size);
  return result;
}

void shard::committed(const value& key, commit_outcome outcome) {
  auto i = slots_.find(key);
  if (i == slots_.end() || !i->second->committing)
    return;
  auto& s = *i->second;
  s.committing = false;
  if (outcome) {
    complete_commit(s);
  } else if (outcome.error() == errc::precondition_failed
             || outcome.error() == errc::conflict) {
    stats_.conflicts.add();
    if (++s.attempts < max_attempts)
      retry(s);
    else
      commit_failed(s,
                    error{errc::conflict, to_edn(key) + ": other writers won "
                                            + std::to_string(max_attempts)
                                            + " times in a row"});
  } else {
    commit_failed(s, outcome.error().with_context(to_edn(key)));
  }
  advance(s);
  retire(key);
}

/// What was in flight is durable now: answers those who wait for it.
void shard::complete_commit(slot& s) {
  s.attempts = 0;
  s.known = knowledge::content;
  s.damage.reset();
  // The new bytes of a binary were needed for the commit only.
  if (s.current.new_blob == s.in_flight.new_blob)
    s.current.new_blob.reset();
  if (s.current.new_stream == s.in_flight.new_stream)
    s.current.new_stream.reset();
  s.durable = std::exchange(s.in_flight, {});
  s.durable.new_blob.reset();
  s.durable.new_stream.reset();
  auto done = std::exchange(s.in_commit, {});
  for (auto& x : done)
    finish(std::move(x.op));
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
  for (auto& x : failed)
    finish(std::move(x.op), err);
}

// -- work ---------------------------------------------------------------------

engine_work shard::take_work() {
  auto result = std::exchange(work_, {});
  if (!ctx_->shared())
    return result;
  for (auto* keys : {&result.load_keys, &result.commit_keys})
    for (auto& key : *keys) {
      auto& s = *slots_.at(key);
      s.asked = true;
      s.covered = s.arrivals;
    }
  return result;
}

} // namespace larder::internal
