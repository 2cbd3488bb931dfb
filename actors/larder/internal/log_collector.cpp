// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/log_collector.hpp"

#include "larder/internal/engine_access.hpp"
#include "larder/internal/log_apply.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace larder::internal {

namespace {

/// As many segments are removed in one commit.
constexpr uint64_t max_collected_at_once = 256;

} // namespace

log_collector::~log_collector() {
  error closed{errc::unavailable, "the log was removed, but the store ended "
                                  "before its space was free"};
  for (auto& [key, x] : collections_)
    for (auto& done : x.waiting)
      done(fail(closed));
}

void log_collector::collect(const collect_garbage& what) {
  auto record = garbage_key(what.what);
  auto [i, fresh] = collections_.try_emplace(record, collection{what.what, {}});
  if (!fresh)
    return;
  if (what.lease)
    take_over(record, *what.lease);
  else
    collect_some(record);
}

void log_collector::collect(const std::vector<log_garbage>& all, done_fn done) {
  struct progress {
    size_t left;
    expected<void> result;
  };
  auto shared = std::make_shared<progress>(progress{all.size(), {}});
  auto one_less = [shared, done](expected<void> ok) {
    if (!ok)
      shared->result = std::move(ok);
    if (--shared->left == 0)
      done(shared->result);
  };
  for (auto& x : all) {
    auto record = garbage_key(x);
    auto [i, fresh] = collections_.try_emplace(record, collection{x, {}});
    i->second.waiting.push_back(one_less);
    if (fresh)
      collect_some(record);
  }
}

/// Makes a lease that has run out a record like others: from then on nothing
/// can be added to the log, nor can it appear.
void log_collector::take_over(const std::string& record,
                              const revision& lease) {
  metadata meta;
  meta.type = content_type::append_log;
  fill_random(meta.rev.data);
  auto blob = encode_hidden(host_.ctx->blobs(), record, meta, {});
  if (!blob)
    return finish(record, fail(std::move(blob.error())));
  std::vector<mutation> batch;
  batch.push_back({record, std::move(*blob), precondition::matches(lease), 0});
  commit_all(std::move(batch), [this, record](expected<void> ok) {
    if (ok)
      collect_some(record);
    else
      finish(record, std::move(ok));
  });
}

/// Removes as many segments as go into one commit, or the record at last.
void log_collector::collect_some(const std::string& record) {
  auto& left = collections_.at(record).what;
  auto last = left.first == left.next;
  std::vector<mutation> batch;
  if (last)
    batch.push_back({record, {}, {}, 0});
  while (left.first < left.next && batch.size() < max_collected_at_once)
    batch.push_back({segment_key(left.id, left.first++), {}, {}, 0});
  commit_all(std::move(batch), [this, record, last](expected<void> ok) {
    if (ok && !last)
      collect_some(record);
    else
      finish(record, std::move(ok));
  });
}

void log_collector::finish(const std::string& record, expected<void> result) {
  if (!result)
    result
      = fail(result.error().with_context("the log was removed, but not yet all "
                                         "that belonged to it"));
  auto over = collections_.extract(record);
  for (auto& done : over.mapped().waiting)
    done(result);
  host_.on_idle();
}

/// Commits in the writer or, if the engine is called in place, here, but after
/// what is in the mailbox.
void log_collector::commit_all(std::vector<mutation> batch, done_fn then) {
  auto items = std::make_shared<std::vector<mutation>>(std::move(batch));
  auto take = [then](const std::vector<commit_outcome>& outcomes) {
    auto failed = std::find_if(outcomes.begin(), outcomes.end(),
                               [](auto& x) { return !x.has_value(); });
    if (failed != outcomes.end())
      then(fail(failed->error()));
    else
      then({});
  };
  if (host_.ctx->in_place()) {
    detail::send(host_.self, host_.self, post{[this, items, take] {
                   take(commit(*host_.ctx, *items, *host_.stats));
                 }});
    return;
  }
  host_.stats->queued.add(items->size());
  detail::request(host_.self, host_.writer, commit_batch{items})
    .then([take](const commit_batch_reply& x) { take(*x.items); },
          [then](const caf::error& err) { then(fail(to_error(err))); });
}

} // namespace larder::internal
