// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/tiered.hpp"

#include "larder/detail/tier_front.hpp"
#include "larder/detail/tier_index.hpp"

#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

namespace larder {

namespace {

using detail::tier_index;

using looks = std::vector<tier_index::look>;

using counter = std::atomic<uint64_t>;

void add(counter& to, uint64_t n) {
  to.fetch_add(n, std::memory_order_relaxed);
}

uint64_t value_of(const counter& x) {
  return x.load(std::memory_order_relaxed);
}

bool found(const read_outcome& x) {
  return x.has_value() && x->has_value();
}

/// The revision of the blob that was found; nothing if it has none.
std::optional<revision> revision_of(const read_outcome& x) {
  auto head = header::decode((*x)->data);
  if (!head || !head->rev.valid())
    return std::nullopt;
  return head->rev;
}

/// Does what is only worth doing if there is memory for it.
template <class F>
void unless_out_of_memory(F f) {
  try {
    f();
  } catch (const std::bad_alloc&) {
    // The answer is there without it.
  }
}

/// A blob that could get into the front.
struct candidate {
  std::string key;
  tier_index::ticket seen;
  bytes_view data;
  std::shared_ptr<const bytes> blob; ///< of `data`, if it need not be copied
};

/// Answers, and which of them are the front's.
struct answers {
  std::vector<read_outcome> outcomes;
  std::vector<bool> from_front;
};

} // namespace

// -- tiers --------------------------------------------------------------------

class tiered_backend::tiers {
public:
  tiers(backend& back, std::shared_ptr<backend> front, tier_options options)
    : back_(back),
      front_(std::move(front)),
      options_(options),
      front_caps_(front_->caps()),
      others_write_(back.caps().domain != write_domain::process),
      index_(options.front_bytes) {
    // nop
  }

  const backend& front() const {
    return *front_;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) {
    if (!in_use())
      return back_.commit(batch);
    std::vector<std::string_view> keys;
    for (auto& x : batch)
      if (!std::holds_alternative<keep>(x.content))
        keys.push_back(x.key);
    auto writing = index_.begin(keys);
    auto result = back_.commit(batch);
    // Before the end, so that no read that begins after it fills the front.
    for (auto& x : result)
      if (!x && x.error().data_loss() && !others_write_)
        left_ = true;
    index_.end(writing);
    if (options_.write_through && in_use())
      unless_out_of_memory([&] { put_committed(batch, result, writing); });
    return result;
  }

  std::vector<read_outcome> read(std::span<const read_request> requests) {
    looks seen;
    auto any = false;
    for (auto& x : requests) {
      seen.push_back(index_.look_up(x.key));
      if (!in_use() || !worth_the_front(x))
        seen.back().blob = 0;
      any = any || seen.back().blob != 0;
    }
    std::optional<answers> result;
    if (any)
      result = others_write_ ? read_checked(requests, seen)
                             : read_trusting(requests, seen);
    if (!result)
      result = answers{back_.read(requests),
                       std::vector<bool>(requests.size(), false)};
    count(*result);
    if (options_.read_through && in_use())
      unless_out_of_memory([&] { put_read(requests, seen, *result); });
    return std::move(result->outcomes);
  }

  tier_counts counts() const {
    tier_counts result;
    result.hits = value_of(hits_);
    result.misses = value_of(misses_);
    result.front_bytes = value_of(front_bytes_);
    result.back_bytes = value_of(back_bytes_);
    result.fills = value_of(fills_);
    result.writes = value_of(writes_);
    result.front_errors = value_of(front_errors_);
    auto current = index_.current();
    result.evictions = current.evictions;
    result.invalidations = current.invalidations;
    result.front_keys = current.keys;
    result.front_used = current.used;
    result.front_limit = left_ ? 0 : options_.front_bytes;
    return result;
  }

private:
  bool in_use() const {
    return !left_ && options_.front_bytes > 0;
  }

  // -- reading ----------------------------------------------------------------

  /// A header has to be fetched from the back anyway if others write there.
  bool worth_the_front(const read_request& x) const {
    return !others_write_ || x.part > blob_part::header;
  }

  /// Asks the front for what it may serve, then the back for the rest.
  /// @returns nothing if a commit came in between: what was read need not be of
  ///          one moment
  std::optional<answers> read_trusting(std::span<const read_request> requests,
                                       const looks& seen) {
    std::vector<size_t> hits;
    std::vector<read_request> in_front;
    for (size_t i = 0; i < requests.size(); ++i)
      if (seen[i].blob != 0) {
        hits.push_back(i);
        in_front.push_back(requests[i]);
      }
    answers result{std::vector<read_outcome>(requests.size()),
                   std::vector<bool>(requests.size(), false)};
    auto served = front_->read(in_front);
    for (size_t k = 0; k < hits.size(); ++k)
      if (auto i = hits[k]; accept(requests[i], served[k], seen[i].size)) {
        result.outcomes[i] = std::move(served[k]);
        result.from_front[i] = true;
      } else if (served[k] || !requests[i].pinned) {
        index_.drop(requests[i].key, seen[i].blob);
      }
    read_rest(requests, result);
    for (auto i : hits)
      if (result.from_front[i]
          && !index_.still_serves(requests[i].key, seen[i].blob))
        return std::nullopt;
    return result;
  }

  void read_rest(std::span<const read_request> requests, answers& result) {
    std::vector<size_t> missing;
    std::vector<read_request> in_back;
    for (size_t i = 0; i < requests.size(); ++i)
      if (!result.from_front[i]) {
        missing.push_back(i);
        in_back.push_back(requests[i]);
      }
    if (missing.empty())
      return;
    auto outcomes = back_.read(in_back);
    for (size_t k = 0; k < missing.size(); ++k)
      result.outcomes[missing[k]] = std::move(outcomes[k]);
  }

  /// Asks the back for the headers of what the front has, together with the
  /// rest, then the front for exactly these revisions.
  /// @returns nothing if the front does not have them all
  std::optional<answers> read_checked(std::span<const read_request> requests,
                                      const looks& seen) {
    std::vector<read_request> in_back{requests.begin(), requests.end()};
    for (size_t i = 0; i < requests.size(); ++i)
      if (seen[i].blob != 0)
        in_back[i].part = blob_part::header;
    answers result{back_.read(in_back),
                   std::vector<bool>(requests.size(), false)};
    std::vector<size_t> hits;
    std::vector<read_request> in_front;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (seen[i].blob == 0 || !found(result.outcomes[i]))
        continue; // nothing or an error is the answer whatever the part
      hits.push_back(i);
      in_front.push_back(requests[i]);
      in_front.back().pinned = revision_of(result.outcomes[i]);
      if (!in_front.back().pinned) {
        index_.drop(requests[i].key, seen[i].blob);
        return std::nullopt;
      }
    }
    auto served = front_->read(in_front);
    auto complete = true;
    for (size_t k = 0; k < hits.size(); ++k) {
      auto& outcome = result.outcomes[hits[k]];
      if (accept(in_front[k], served[k], (*outcome)->blob_size)) {
        outcome = std::move(served[k]);
        result.from_front[hits[k]] = true;
      } else {
        index_.drop(in_front[k].key, seen[hits[k]].blob);
        complete = false;
      }
    }
    if (!complete)
      return std::nullopt;
    return result;
  }

  /// Returns whether the front has served a blob of `size` bytes. Whatever else
  /// it answers is for the back to say.
  bool accept(const read_request& request, const read_outcome& x,
              uint64_t size) {
    if (!x) {
      // A conflict is no failure: there is another revision.
      if (!request.pinned || !(x.error() == errc::conflict))
        add(front_errors_, 1);
      return false;
    }
    return *x && (*x)->blob_size == size;
  }

  void count(const answers& xs) {
    for (size_t i = 0; i < xs.outcomes.size(); ++i) {
      auto& x = xs.outcomes[i];
      auto size = found(x) ? (*x)->data.size() : 0;
      add(xs.from_front[i] ? hits_ : misses_, 1);
      add(xs.from_front[i] ? front_bytes_ : back_bytes_, size);
    }
  }

  // -- putting into the front -------------------------------------------------

  void put_read(std::span<const read_request> requests, const looks& seen,
                const answers& xs) {
    std::vector<candidate> result;
    for (size_t i = 0; i < requests.size(); ++i) {
      auto& x = xs.outcomes[i];
      if (requests[i].part == blob_part::all && !xs.from_front[i] && found(x))
        result.push_back({requests[i].key, seen[i].seen, (*x)->data, nullptr});
    }
    put_in_front(std::move(result), fills_);
  }

  void put_committed(std::span<const mutation> batch,
                     const std::vector<commit_outcome>& outcomes,
                     const tier_index::writing& writing) {
    std::vector<candidate> result;
    for (size_t i = 0; i < batch.size(); ++i) {
      auto* blob = std::get_if<std::shared_ptr<const bytes>>(&batch[i].content);
      if (outcomes[i] && blob)
        result.push_back(
          {batch[i].key, writing.ticket_of(batch[i].key), **blob, *blob});
    }
    put_in_front(std::move(result), writes_);
  }

  bool fits(const candidate& x) const {
    if (x.key == detail::front_mark || x.key.size() > front_caps_.max_key_size
        || x.data.size() > front_caps_.max_blob_size
        || x.data.size() > options_.front_bytes / 4
        || x.key.size() > options_.front_bytes / 4)
      return false;
    if (!others_write_)
      return true;
    // Without a revision it could not be compared with the back.
    auto head = header::decode(x.data);
    return head && head->rev.valid();
  }

  void put_in_front(std::vector<candidate> xs, counter& counted) {
    std::erase_if(xs, [this](auto& x) { return x.seen == 0 || !fits(x); });
    if (xs.empty())
      return;
    uint64_t size = 0;
    for (auto& x : xs)
      size += x.key.size() + x.data.size();
    make_room(size);
    // What is begun must be ended: memory may run out before, but not between.
    for (auto& x : xs)
      if (!x.blob)
        x.blob = std::make_shared<const bytes>(to_bytes(x.data));
    std::vector<mutation> batch;
    batch.reserve(xs.size());
    std::vector<uint64_t> sizes;
    sizes.reserve(xs.size());
    for (auto& x : xs)
      if (index_.begin_put(x.key, x.data.size(), x.seen)) {
        sizes.push_back(x.data.size());
        batch.push_back({std::move(x.key), std::move(x.blob), {}});
      }
    auto outcomes = commit_front(batch);
    for (size_t i = 0; i < batch.size(); ++i)
      if (index_.end_put(batch[i].key, sizes[i], outcomes[i].has_value()))
        add(counted, 1);
  }

  void make_room(uint64_t size) {
    auto keys = index_.make_room(size);
    std::vector<mutation> batch;
    try {
      batch.reserve(keys.size());
    } catch (const std::bad_alloc&) {
      for (auto& key : keys)
        index_.erased(key, false);
      throw;
    }
    for (auto& key : keys)
      batch.push_back({std::move(key), std::monostate{}, {}});
    auto outcomes = commit_front(batch);
    for (size_t i = 0; i < batch.size(); ++i)
      index_.erased(batch[i].key, outcomes[i].has_value());
  }

  std::vector<commit_outcome> commit_front(std::span<mutation> batch) {
    if (batch.empty())
      return {};
    std::unique_lock guard{front_writing_, std::defer_lock};
    if (!front_caps_.concurrent_commits)
      guard.lock();
    auto result = front_->commit(batch);
    for (auto& x : result)
      if (!x)
        add(front_errors_, 1);
    return result;
  }

  backend& back_;
  std::shared_ptr<backend> front_;
  tier_options options_;
  capabilities front_caps_;
  bool others_write_;
  tier_index index_;
  std::mutex front_writing_; ///< for fronts that take one commit at a time
  std::atomic<bool> left_ = false; ///< the front is not used any more
  counter hits_ = 0;
  counter misses_ = 0;
  counter front_bytes_ = 0;
  counter back_bytes_ = 0;
  counter fills_ = 0;
  counter writes_ = 0;
  counter front_errors_ = 0;
};

// -- tiered_backend -----------------------------------------------------------

tiered_backend::tiered_backend(std::shared_ptr<backend> back,
                               std::shared_ptr<backend> front,
                               tier_options options)
  : backend_wrapper(std::move(back)),
    tiers_(std::make_unique<tiers>(inner(), std::move(front), options)) {
  // nop
}

tiered_backend::~tiered_backend() = default;

capabilities tiered_backend::caps() const {
  auto result = inner().caps();
  auto front = tiers_->front().caps();
  result.nonblocking = result.nonblocking && front.nonblocking;
  result.partial_reads = result.partial_reads && front.partial_reads;
  return result;
}

std::vector<commit_outcome> tiered_backend::commit(std::span<mutation> batch) {
  return tiers_->commit(batch);
}

std::vector<read_outcome>
tiered_backend::read(std::span<const read_request> requests) {
  return tiers_->read(requests);
}

tier_counts tiered_backend::counts() const {
  return tiers_->counts();
}

std::vector<engine_figure> tiered_backend::figures() const {
  auto result = inner().figures();
  for (auto& x : tiers_->front().figures())
    result.push_back({"front-" + x.name, x.amount});
  auto x = counts();
  for (auto& [name, amount] : std::initializer_list<engine_figure>{
         {"tier-hits-total", x.hits},
         {"tier-misses-total", x.misses},
         {"tier-front-bytes-total", x.front_bytes},
         {"tier-back-bytes-total", x.back_bytes},
         {"tier-fills-total", x.fills},
         {"tier-writes-total", x.writes},
         {"tier-evictions-total", x.evictions},
         {"tier-invalidations-total", x.invalidations},
         {"tier-front-errors-total", x.front_errors},
         {"tier-front-keys", x.front_keys},
         {"tier-front-used-bytes", x.front_used},
         {"tier-front-limit-bytes", x.front_limit}})
    result.push_back({name, amount});
  return result;
}

} // namespace larder
