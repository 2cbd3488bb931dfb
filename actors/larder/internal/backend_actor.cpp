// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/backend_actor.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/count_operation.hpp"
#include "larder/internal/engine_access.hpp"
#include "larder/internal/guarded.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/spawn_blocking.hpp"
#include "larder/internal/stored.hpp"

#include <iterator>
#include <optional>
#include <utility>

namespace larder::internal {

namespace {

/// More mutations than this do not go into one commit: the first of them would
/// wait too long for its answer.
constexpr size_t max_commit_size = 4096;

// -- the writer ---------------------------------------------------------------

struct writer_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.writer";
#else
  const char* name = "larder.writer";
#endif

  struct batch {
    std::shared_ptr<std::vector<mutation>> items;
    promise<commit_batch_reply> answer;
  };

  context_ptr ctx;
  actor_statistics* stats = nullptr;
  std::vector<batch> gathered;
  size_t gathered_items = 0;

  void commit_gathered() {
    auto batches = std::exchange(gathered, {});
    gathered_items = 0;
    if (batches.empty())
      return;
    std::vector<mutation> items;
    for (auto& x : batches)
      items.insert(items.end(), std::make_move_iterator(x.items->begin()),
                   std::make_move_iterator(x.items->end()));
    auto outcomes = commit(*ctx, items, *stats);
    stats->unqueued.add(items.size());
    auto next = outcomes.begin();
    for (auto& x : batches) {
      auto n = static_cast<std::ptrdiff_t>(x.items->size());
      auto part = std::make_shared<std::vector<commit_outcome>>(
        std::make_move_iterator(next), std::make_move_iterator(next + n));
      next += n;
      x.answer.deliver(commit_batch_reply{std::move(part)});
    }
  }
};

caf::behavior writer(caf::stateful_actor<writer_state>* self, context_ptr ctx,
                     size_t index) {
  auto& st = detail::state_of(self);
  st.ctx = std::move(ctx);
  st.stats = &st.ctx->statistics()[index];
  return {
    [self, &st](commit_batch& req) -> caf::result<commit_batch_reply> {
      promise<commit_batch_reply> answer{self};
      auto result = answer.handle();
      // The flush arrives behind everything that is in the mailbox by now.
      if (st.gathered.empty())
        detail::send(self, self, flush{});
      st.gathered_items += req.items->size();
      st.gathered.push_back({std::move(req.items), std::move(answer)});
      if (st.gathered_items >= max_commit_size)
        st.commit_gathered();
      return result;
    },
    [&st](flush) { st.commit_gathered(); },
    [&st](drain) {
      st.commit_gathered();
      return drain_reply{};
    },
  };
}

// -- readers ------------------------------------------------------------------

struct reader_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.reader";
#else
  const char* name = "larder.reader";
#endif

  context_ptr ctx;
  actor_statistics* stats = nullptr;
  bool closed = false;

  /// Answers with what `f` returns, counted as an operation of its kind on a
  /// key, if on one.
  template <class T, class F>
  caf::result<T> answer(std::optional<op_kind> kind, const value* key, F f) {
    stopwatch watch;
    auto result = guarded([&]() -> expected<T> {
      if (closed)
        return fail(errc::closed, "the store is being closed");
      return f();
    });
    if (kind)
      count_operation(*ctx, *stats, *kind, !result, watch.microseconds(), key);
    return to_result(std::move(result));
  }
};

caf::behavior reader(caf::stateful_actor<reader_state>* self, context_ptr ctx,
                     size_t index) {
  auto& st = detail::state_of(self);
  st.ctx = std::move(ctx);
  st.stats = &st.ctx->statistics()[index];
  return {
    [&st](load_batch& req) {
      return load_batch_reply{std::make_shared<std::vector<read_outcome>>(
        read(*st.ctx, *req.items, *st.stats))};
    },
    [&st](const read_range_request& req) {
      // Counted by the key actor that has forwarded it.
      return st.answer<read_reply>(std::nullopt, nullptr, [&] {
        return read_range(*st.ctx, req, *st.stats);
      });
    },
    [&st](const verify_request& req) {
      return st.answer<verify_reply>(op_kind::verify, &req.key, [&] {
        return verify(*st.ctx, req, *st.stats);
      });
    },
    [&st](const list_keys_request& req) {
      return st.answer<list_keys_reply>(op_kind::list, nullptr, [&] {
        return list_keys(*st.ctx, req, *st.stats);
      });
    },
    [&st](const list_stored_request& req) {
      return st.answer<list_stored_reply>(op_kind::list, nullptr, [&] {
        return list_stored({*st.ctx, *st.stats}, req);
      });
    },
    [&st](const read_stored_request& req) {
      return st.answer<read_stored_reply>(op_kind::read, &req.key, [&] {
        return read_stored({*st.ctx, *st.stats}, req);
      });
    },
    [&st](const scan_expired& req) {
      return st.answer<scan_expired_reply>(
        std::nullopt, nullptr, [&] { return find_expired(*st.ctx, req); });
    },
    [&st](const reader_job& req) {
      return st.answer<reader_job_done>(std::nullopt, nullptr,
                                        [&]() -> expected<reader_job_done> {
                                          req.run(*st.stats);
                                          return reader_job_done{};
                                        });
    },
    [&st](drain) {
      st.closed = true;
      return drain_reply{};
    },
  };
}

} // namespace

caf::actor spawn_writer(caf::actor_system& sys, context_ptr ctx, size_t index) {
  auto& context = *ctx;
  return spawn_blocking(sys, context, writer, std::move(ctx), index);
}

caf::actor spawn_reader(caf::actor_system& sys, context_ptr ctx, size_t index) {
  auto& context = *ctx;
  return spawn_blocking(sys, context, reader, std::move(ctx), index);
}

} // namespace larder::internal
