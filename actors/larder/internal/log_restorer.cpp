// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/log_restorer.hpp"

#include "larder/internal/apply.hpp"
#include "larder/internal/commit.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/internal/promise.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace larder::internal {

namespace {

/// A lease is renewed when half of it is over, but noticed to be so no more
/// often than streams are found idle.
constexpr int64_t min_lease = 600'000; // ms
constexpr int64_t timeouts_per_lease = 4;

struct restorer_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.log-restorer";
#else
  const char* name = "larder.log-restorer";
#endif

  /// A segment that waits for its commit.
  struct pending {
    mutation segment;
    uint64_t entries; ///< so far
    promise<append_stream_reply> answer;
  };

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  uint64_t id = 0;
  caf::actor store;
  caf::actor key_actor;
  caf::actor writer;

  commit_log commit;
  uint64_t segments = 0; ///< to come in all
  uint64_t next_sequence = 0;

  log_garbage lease;
  revision lease_rev; ///< of the record; not valid: there is none
  int64_t lease_end = 0;

  std::vector<pending> waiting;
  bool busy = false; ///< with a commit
  std::optional<error> failed;
  bool ending = false;
  bool closed = false; ///< well
  std::optional<promise<put_reply>> close_answer;
  std::vector<promise<erase_reply>> abort_answers;

  uint64_t activity = 1;
  uint64_t activity_at_tick = 0;

  // -- ending -----------------------------------------------------------------

  /// Ends when no commit is under way any more, and leaves nothing behind.
  void end() {
    ending = true;
    if (busy)
      return;
    if (lease_rev.valid())
      detail::send(self, key_actor, collect_garbage{lease});
    quit();
  }

  void quit() {
    for (auto& x : abort_answers)
      x.deliver(erase_reply{!closed});
    abort_answers.clear();
    detail::send(self, store, stream_ended{id});
    self->quit();
  }

  void give_up(const error& why) {
    failed = why;
    for (auto& x : std::exchange(waiting, {}))
      x.answer.fail(why);
    if (close_answer)
      close_answer->fail(why);
    close_answer.reset();
    end();
  }

  // -- opening ----------------------------------------------------------------

  caf::result<open_stream_reply> open(open_restore_log_request& req) {
    auto answer = std::make_shared<promise<open_stream_reply>>(self);
    auto result = answer->handle();
    schedule_tick();
    if (auto ok = prepare(req); !ok) {
      answer->fail(ok.error());
      end();
      return result;
    }
    auto go_on = [this, answer](const metadata& before, bool present) {
      entry state;
      state.present = present;
      state.meta = before;
      if (auto ok = check(commit.condition, state, ctx->now()); !ok) {
        answer->fail(ok.error());
        end();
      } else {
        make_lease(answer);
      }
    };
    detail::request(self, key_actor, metadata_request{commit.key})
      .then([go_on](const metadata_reply& x) { go_on(x.meta, true); },
            [this, answer, go_on](const caf::error& err) {
              auto cause = to_error(err);
              if (cause == errc::not_found)
                return go_on({}, false);
              answer->fail(cause);
              end();
            });
    return result;
  }

  expected<void> prepare(open_restore_log_request& req) {
    if (auto ok = check_takes_logs(*ctx); !ok)
      return ok;
    auto meta = restored_metadata(req.key, req.meta, content_type::append_log);
    if (!meta)
      return fail(std::move(meta.error()));
    // Values have no larger integers.
    constexpr auto max = uint64_t{1} << 62;
    if (req.begin > max || req.segments > max)
      return fail(errc::invalid_argument, "a log cannot be that long");
    commit.key = std::move(req.key);
    commit.meta = std::move(*meta);
    commit.condition = std::move(req.condition);
    segments = req.segments;
    auto& head = commit.head;
    head.id = uuid::random();
    commit.copied = commit.meta.rev.valid();
    if (commit.copied)
      commit.meta.rev = copied_log_revision(commit.meta.rev, head.id);
    else
      fill_random(commit.meta.rev.data);
    head.begin = head.end = req.begin;
    lease = {head.id, 0, segments};
    return {};
  }

  void make_lease(const std::shared_ptr<promise<open_stream_reply>>& answer) {
    if (segments == 0 || whole())
      return answer->deliver(open_stream_reply{id});
    auto next = renewed_lease(precondition::absent());
    if (!next) {
      answer->fail(next.error());
      return end();
    }
    std::vector<mutation> batch;
    batch.push_back(std::move(*next));
    run(std::move(batch), [this, answer](const expected<void>& ok) {
      if (!ok) {
        lease_rev = {};
        answer->fail(ok.error());
        end();
      } else if (failed) {
        answer->fail(*failed);
        end();
      } else {
        answer->deliver(open_stream_reply{id});
      }
    });
  }

  /// Makes a record that is good for another while.
  expected<mutation> renewed_lease(precondition condition) {
    auto length
      = std::max(min_lease, timeouts_per_lease
                              * int64_t{ctx->config().stream_timeout.count()})
        + ctx->clock_allowance();
    metadata meta;
    meta.key = commit.key;
    meta.type = content_type::append_log;
    meta.last_write = ctx->now();
    meta.expiry = lease_end = ctx->now() + length;
    fill_random(meta.rev.data);
    auto key = garbage_key(lease);
    auto blob = encode_hidden(ctx->blobs(), key, meta, {});
    if (!blob)
      return fail(std::move(blob.error()));
    lease_rev = meta.rev;
    return mutation{std::move(key), std::move(*blob), condition, 0};
  }

  /// Whether the log goes into one blob.
  bool whole() const {
    return ctx->caps().plain_blobs;
  }

  bool half_is_over() const {
    return lease_rev.valid() && lease_end - ctx->now() < min_lease / 2;
  }

  // -- entries ----------------------------------------------------------------

  caf::result<append_stream_reply> add(restore_entries_request& req) {
    ++activity;
    promise<append_stream_reply> answer{self};
    auto result = answer.handle();
    if (auto ok = add(req, answer); !ok) {
      answer.fail(ok.error());
      if (!ending)
        give_up(ok.error());
    }
    return result;
  }

  expected<void> check_next(const restore_entries_request& req) const {
    if (failed)
      return fail(*failed);
    auto& head = commit.head;
    if (ending || head.id == uuid{})
      return fail(errc::invalid_argument,
                  "stream " + std::to_string(id) + " is not open");
    if (req.sequence != next_sequence || next_sequence > segments)
      return fail(errc::invalid_argument,
                  "message " + std::to_string(req.sequence) + " of stream "
                    + std::to_string(id) + " came instead of "
                    + std::to_string(next_sequence));
    if (req.entries.empty())
      return fail(errc::invalid_argument, "a segment needs entries");
    size_t size = 0;
    for (auto& x : req.entries)
      size += x.footprint();
    // A segment is complete with the entry that makes it too large for a tail.
    if (size > ctx->config().max_message_size + max_tail_bytes)
      return fail(errc::limit_exceeded, "a segment is too large");
    return {};
  }

  expected<void> add(restore_entries_request& req,
                     promise<append_stream_reply>& answer) {
    if (auto ok = check_next(req); !ok)
      return ok;
    auto& head = commit.head;
    auto from = head.end;
    head.end += req.entries.size();
    if (next_sequence++ == segments || whole()) {
      auto& tail = head.tail;
      tail.insert(tail.end(), std::make_move_iterator(req.entries.begin()),
                  std::make_move_iterator(req.entries.end()));
      answer.deliver(append_stream_reply{head.end - head.begin});
      return {};
    }
    metadata meta;
    meta.key = commit.key;
    meta.type = content_type::append_log;
    meta.last_write = commit.meta.last_write;
    meta.rev = commit.meta.rev;
    auto key = segment_key(head.id, head.next++);
    log_segment content{from, std::move(req.entries)};
    auto blob = encode_hidden(ctx->blobs(), key, meta, content.to_value());
    if (!blob)
      return fail(std::move(blob.error()));
    if (auto ok = check_blob_size(**blob, *ctx); !ok)
      return ok;
    ctx->shared_statistics().stored_written.add_shared((*blob)->size());
    waiting.push_back({{std::move(key), std::move(*blob), {}, 0},
                       head.end - head.begin,
                       std::move(answer)});
    commit_waiting();
    return {};
  }

  /// Commits what has come meanwhile, if the record is still there.
  void commit_waiting() {
    if (busy || (waiting.empty() && !half_is_over()))
      return;
    auto group = ctx->new_group();
    auto batch = std::vector<mutation>{};
    auto held = precondition::matches(lease_rev);
    if (half_is_over()) {
      auto next = renewed_lease(held);
      if (!next)
        return give_up(next.error());
      batch.push_back(std::move(*next));
    } else {
      batch.push_back({garbage_key(lease), keep{}, held, 0});
    }
    auto answers
      = std::make_shared<std::vector<pending>>(std::exchange(waiting, {}));
    for (auto& x : *answers)
      batch.push_back(std::move(x.segment));
    for (auto& x : batch)
      x.group = group;
    run(std::move(batch), [this, answers](const expected<void>& ok) {
      auto why = ok ? error{errc::internal, ""} : cause_of(ok.error());
      for (auto& x : *answers)
        if (ok)
          x.answer.deliver(append_stream_reply{x.entries});
        else
          x.answer.fail(why);
      if (!ok)
        give_up(why);
      else if (ending)
        end();
      else
        go_on();
    });
  }

  /// Nobody else changes the record but who takes the log away.
  static error cause_of(const error& err) {
    if (err == errc::precondition_failed || err == errc::conflict)
      return error{errc::conflict, "what was restored of the log has been "
                                   "removed, as it did not go on for too long"};
    return err;
  }

  void go_on() {
    commit_waiting();
    if (!busy && close_answer)
      commit_head();
  }

  /// Has the writer carry out a batch, one after the other.
  void run(std::vector<mutation> batch,
           std::function<void(const expected<void>&)> then) {
    busy = true;
    auto items = std::make_shared<std::vector<mutation>>(std::move(batch));
    auto over = [this, then](const expected<void>& ok) {
      busy = false;
      then(ok);
    };
    ctx->shared_statistics().queued.add_shared(items->size());
    detail::request(self, writer, commit_batch{items})
      .then(
        [over](const commit_batch_reply& x) {
          auto& worst = outcome_of_group(*x.items);
          over(worst ? expected<void>{} : fail(worst.error()));
        },
        [over](const caf::error& err) { over(fail(to_error(err))); });
  }

  // -- closing ----------------------------------------------------------------

  caf::result<put_reply> close() {
    ++activity;
    promise<put_reply> answer{self};
    auto result = answer.handle();
    auto& head = commit.head;
    if (failed || ending || close_answer || head.id == uuid{}
        || next_sequence < segments) {
      error why{errc::invalid_argument,
                "stream " + std::to_string(id)
                  + " is not open, or has not got all of its segments"};
      answer.fail(failed.value_or(why));
      if (!ending)
        give_up(why);
      return result;
    }
    close_answer.emplace(std::move(answer));
    go_on();
    return result;
  }

  /// Makes the log appear.
  void commit_head() {
    if (lease_rev.valid())
      commit.lease = {lease, lease_rev};
    busy = ending = true;
    detail::request(self, key_actor, std::move(commit))
      .then(
        [this](const put_reply& reply) {
          lease_rev = {}; // gone with the commit
          busy = false;
          closed = true;
          close_answer->deliver(reply);
          end();
        },
        [this](const caf::error& err) {
          auto cause = to_error(err);
          // If it is not known what has become of it, the segments may be
          // needed: the lease runs out if they are not.
          if (cause.data_loss() || cause == errc::unavailable)
            lease_rev = {};
          busy = false;
          close_answer->fail(cause);
          end();
        });
  }

  caf::result<erase_reply> abort() {
    auto result = abort_answers.emplace_back(self).handle();
    if (!ending)
      give_up(error{errc::closed, "the stream was aborted"});
    return result;
  }

  void schedule_tick() {
    detail::delayed_send(self, self, ctx->config().stream_timeout, tick{});
  }

  void check_idle() {
    if (ending)
      return;
    if (!busy && activity == activity_at_tick)
      return end();
    activity_at_tick = activity;
    go_on();
    schedule_tick();
  }
};

caf::behavior restorer(caf::stateful_actor<restorer_state>* self,
                       context_ptr ctx, uint64_t id, caf::actor store,
                       caf::actor key_actor, caf::actor writer) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.id = id;
  st.store = std::move(store);
  st.key_actor = std::move(key_actor);
  st.writer = std::move(writer);
  return {
    [&st](open_restore_log_request& req) { return st.open(req); },
    [&st](restore_entries_request& req) { return st.add(req); },
    [](const append_stream_request&) -> caf::result<append_stream_reply> {
      return to_caf(error{errc::invalid_argument,
                          "a log takes entries, a binary takes bytes"});
    },
    [&st](const close_stream_request&) { return st.close(); },
    [&st](const abort_stream_request&) { return st.abort(); },
    [&st](tick) { st.check_idle(); },
  };
}

} // namespace

caf::actor spawn_log_restorer(caf::actor_system& sys, context_ptr ctx,
                              uint64_t id, caf::actor store,
                              caf::actor key_actor, caf::actor writer) {
  return sys.spawn(restorer, std::move(ctx), id, std::move(store),
                   std::move(key_actor), std::move(writer));
}

} // namespace larder::internal
