// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/snapshot_actor.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/guarded.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/spawn_blocking.hpp"
#include "larder/internal/stored.hpp"

namespace larder::internal {

namespace {

struct snapshot_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.snapshot";
#else
  const char* name = "larder.snapshot";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx; // has the engine, which goes after the moment
  uint64_t id = 0;
  caf::actor store;
  std::unique_ptr<backend_snapshot> moment;

  /// Counts what has happened, to notice when nothing does.
  uint64_t activity = 1;
  uint64_t activity_at_tick = 0;

  void end() {
    moment.reset();
    detail::send(self, store, snapshot_ended{id});
    self->quit();
  }

  void schedule_tick() {
    detail::delayed_send(self, self, ctx->config().snapshot_timeout, tick{});
  }

  caf::result<open_snapshot_reply> open() {
    auto opened = guarded([this] { return ctx->engine().open_snapshot(); });
    if (!opened) {
      end();
      return to_caf(opened.error());
    }
    moment = std::move(*opened);
    schedule_tick();
    return open_snapshot_reply{id};
  }

  /// Answers with what `f` returns, counted as an operation of its kind.
  template <class F>
  auto read(op_kind kind, F f) {
    ++activity;
    stopwatch watch;
    using result_type = decltype(f(stored_source{*ctx, *moment}));
    auto result = guarded([&]() -> result_type {
      if (!moment)
        return fail(errc::conflict, "the snapshot has been closed");
      return f(stored_source{*ctx, *moment});
    });
    auto& all = ctx->shared_statistics().operations;
    all[static_cast<size_t>(kind)].add_shared(!result, watch.microseconds());
    return to_result(std::move(result));
  }

  void check_idle() {
    if (activity == activity_at_tick)
      return end();
    activity_at_tick = activity;
    schedule_tick();
  }
};

caf::behavior keeper(caf::stateful_actor<snapshot_state>* self, context_ptr ctx,
                     uint64_t id, caf::actor store) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.id = id;
  st.store = std::move(store);
  return {
    [&st](const open_snapshot_request&) { return st.open(); },
    [&st](const list_snapshot_request& req) {
      return st.read(op_kind::list, [&](const stored_source& from) {
        return list_stored(from, req.what);
      });
    },
    [&st](const read_snapshot_request& req) {
      return st.read(op_kind::read, [&](const stored_source& from) {
        return read_stored(from, req.what);
      });
    },
    [&st](const close_snapshot_request&) {
      st.end();
      return close_snapshot_reply{};
    },
    [&st](tick) { st.check_idle(); },
  };
}

} // namespace

caf::actor spawn_snapshot(caf::actor_system& sys, context_ptr ctx, uint64_t id,
                          caf::actor store) {
  auto& context = *ctx;
  return spawn_blocking(sys, context, keeper, std::move(ctx), id,
                        std::move(store));
}

} // namespace larder::internal
