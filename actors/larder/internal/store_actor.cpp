// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/store_actor.hpp"

#include "larder/internal/backend_actor.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/collector.hpp"
#include "larder/internal/describe.hpp"
#include "larder/internal/key_actor.hpp"
#include "larder/internal/log_restorer.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/publication_actor.hpp"
#include "larder/internal/random_id.hpp"
#include "larder/internal/rekey_actor.hpp"
#include "larder/internal/routing.hpp"
#include "larder/internal/snapshot_actor.hpp"
#include "larder/internal/stream_actor.hpp"
#include "larder/internal/sweep_actor.hpp"
#include "larder/internal/watch_actor.hpp"

#include <functional>
#include <optional>
#include <unordered_map>

namespace larder::internal {

namespace {

struct store_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.store";
#else
  const char* name = "larder.store";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  caf::actor writer;
  std::vector<caf::actor> readers;
  std::vector<caf::actor> key_actors;
  caf::actor publications;
  caf::actor collector; ///< kept so that it lives
  caf::actor watches;
  std::unordered_map<uint64_t, caf::actor> streams;
  std::unordered_map<uint64_t, caf::actor> sweeps;
  std::unordered_map<uint64_t, caf::actor> snapshots;
  std::vector<caf::actor> rekeying; ///< at most one
  size_t next_reader = 0;
  bool closing = false;
  std::optional<promise<close_reply>> closed;

  // -- spawning ---------------------------------------------------------------

  /// The others end with the store actor, whatever it ends of.
  template <class Actor>
  Actor linked(Actor hdl) {
    self->link_to(hdl);
    return hdl;
  }

  void spawn_all() {
    auto& sys = self->system();
    auto& cfg = ctx->config();
    auto index = cfg.key_actors;
    writer = linked(spawn_writer(sys, ctx, index++));
    for (size_t i = 0; i < cfg.readers; ++i)
      readers.push_back(linked(spawn_reader(sys, ctx, index++)));
    for (size_t i = 0; i < cfg.key_actors; ++i)
      key_actors.push_back(
        linked(spawn_key_actor(sys, ctx, i, writer, readers)));
    publications
      = linked(spawn_publication_actor(sys, ctx, writer, readers.front()));
    collector = linked(spawn_collector(sys, ctx, readers.back(), key_actors));
    watches = linked(spawn_watch_actor(sys, ctx, key_actors));
    for (auto& hdl : key_actors)
      detail::send(self, hdl, meet_peers{key_actors});
  }

  // -- routing ----------------------------------------------------------------

  const caf::actor& owner(const value& key) const {
    return key_actors[route(key, key_actors.size())];
  }

  const caf::actor& reader() {
    next_reader = (next_reader + 1) % readers.size();
    return readers[next_reader];
  }

  /// Hands a request on; the answer goes straight to the requester.
  template <class Request>
  caf::result<typename Request::reply_type> forward(const caf::actor& to,
                                                    Request& req) {
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    detail::delegate(self, to, std::move(req));
    return caf::delegated<typename Request::reply_type>{};
  }

  template <class Request>
  auto forward_by_key(Request& req) {
    // Clients in this process send these past the store, all others not.
    static_assert(for_key_actor<Request>);
    // The request is moved from: the owner must be found before.
    auto to = owner(req.key);
    return forward(to, req);
  }

  template <class Request>
  auto forward_batch(Request& req) {
    auto to = key_actors[route(req, key_actors.size())];
    return forward(to, req);
  }

  // -- streams ----------------------------------------------------------------

  template <class Request>
  caf::result<open_stream_reply> open_stream(Request& req) {
    if (!ctx->caps().staging)
      return to_caf(
        error{errc::unsupported, ctx->name() + " cannot write streams"});
    return open_session(req, [&](uint64_t id) {
      return spawn_stream(self->system(), ctx, id, this_store(),
                          owner(req.key));
    });
  }

  caf::result<open_stream_reply>
  open_restore_log(open_restore_log_request& req) {
    return open_session(req, [&](uint64_t id) {
      return spawn_log_restorer(self->system(), ctx, id, this_store(),
                                owner(req.key), writer);
    });
  }

  template <class Request, class Spawn>
  caf::result<open_stream_reply> open_session(Request& req, Spawn spawn) {
    if (streams.size() >= ctx->config().max_streams)
      return to_caf(error{errc::overloaded,
                          std::to_string(streams.size())
                            + " streams are open already, try again later"});
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    auto id = random_id();
    auto hdl = linked(spawn(id));
    streams.emplace(id, hdl);
    count_streams();
    return forward(hdl, req);
  }

  void count_streams() {
    ctx->shared_statistics().streams.set(streams.size());
  }

  caf::actor this_store() const {
    return caf::actor_cast<caf::actor>(self);
  }

  template <class Request>
  caf::result<typename Request::reply_type> forward_to_stream(Request& req) {
    auto i = streams.find(req.stream);
    if (i == streams.end())
      return to_caf(
        error{errc::not_found, "no such stream: " + std::to_string(req.stream)
                                 + " (closed, failed, or idle for too long)"});
    auto to = i->second;
    return forward(to, req);
  }

  // -- snapshots --------------------------------------------------------------

  caf::result<open_snapshot_reply> open_snapshot(open_snapshot_request& req) {
    if (!ctx->caps().snapshots)
      return to_caf(error{errc::unsupported,
                          ctx->name() + " cannot keep a moment of the store"});
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    if (snapshots.size() >= ctx->config().max_snapshots)
      return to_caf(error{errc::overloaded,
                          std::to_string(snapshots.size())
                            + " snapshots are open already, try again later"});
    auto id = random_id();
    auto hdl = linked(spawn_snapshot(self->system(), ctx, id, this_store()));
    snapshots.emplace(id, hdl);
    count_snapshots();
    return forward(hdl, req);
  }

  void count_snapshots() {
    ctx->shared_statistics().snapshots.set(snapshots.size());
  }

  template <class Request>
  caf::result<typename Request::reply_type>
  forward_to_snapshot(Request& req, errc if_gone = errc::conflict) {
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    auto i = snapshots.find(req.snapshot);
    if (i == snapshots.end())
      return to_caf(
        error{if_gone, "no such snapshot: " + std::to_string(req.snapshot)
                         + " (closed, or idle for too long)"});
    auto to = i->second;
    return forward(to, req);
  }

  // -- sweeps -----------------------------------------------------------------

  caf::result<begin_sweep_reply> begin_sweep(begin_sweep_request& req) {
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    if (sweeps.size() >= ctx->config().max_sweeps)
      return to_caf(
        error{errc::overloaded,
              std::to_string(sweeps.size())
                + " sweeps are under way already, try again later"});
    auto id = random_id();
    auto hdl
      = linked(spawn_sweep(self->system(), ctx, id,
                           {this_store(), reader(), publications, key_actors}));
    sweeps.emplace(id, hdl);
    return forward(hdl, req);
  }

  template <class Request>
  caf::result<typename Request::reply_type> forward_to_sweep(Request& req) {
    auto i = sweeps.find(req.sweep);
    if (i == sweeps.end())
      return to_caf(
        error{errc::not_found, "no such sweep: " + std::to_string(req.sweep)
                                 + " (ended, failed, or idle for too long)"});
    auto to = i->second;
    return forward(to, req);
  }

  // -- rekeying ---------------------------------------------------------------

  caf::result<rekey_reply> rekey(rekey_request& req) {
    if (!rekeying.empty())
      return to_caf(error{errc::overloaded, "the store is being rekeyed by "
                                            "somebody else, try again later"});
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    auto hdl = linked(
      spawn_rekey(self->system(), ctx, {this_store(), writer, key_actors}));
    rekeying.push_back(hdl);
    return forward(hdl, req);
  }

  // -- closing ----------------------------------------------------------------

  /// Sends `msg` to all actors, then calls `next` when all have answered.
  template <class Reply, class Message>
  void ask_all(const std::vector<caf::actor>& actors, Message msg,
               std::function<void()> next) {
    if (actors.empty()) {
      next();
      return;
    }
    auto left = std::make_shared<size_t>(actors.size());
    auto one_less = [left, next] {
      if (--*left == 0)
        next();
    };
    for (auto& hdl : actors)
      detail::request(self, hdl, msg)
        .then([one_less](const Reply&) { one_less(); },
              [one_less](const caf::error&) { one_less(); });
  }

  caf::result<close_reply> close() {
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    closing = true;
    closed.emplace(self);
    auto result = closed->handle();
    ask_all<erase_reply>(handles_of(streams), abort_stream_request{}, [this] {
      ask_all<end_sweep_reply>(handles_of(sweeps), end_sweep_request{}, [this] {
        ask_all<close_snapshot_reply>(
          handles_of(snapshots), close_snapshot_request{}, [this] {
            auto rest = rekeying;
            rest.push_back(publications);
            ask_all<drain_reply>(rest, drain{}, [this] { close_keys(); });
          });
      });
    });
    return result;
  }

  /// Those who do not need the others go last.
  void close_keys() {
    ask_all<drain_reply>(key_actors, drain{}, [this] {
      auto rest = readers;
      rest.push_back(writer);
      ask_all<drain_reply>(rest, drain{}, [this] {
        ctx->release_engine();
        if (auto& log = ctx->log(); log.on())
          log.write(log_level::info, "closed", {{"store", ctx->name()}});
        closed->deliver(close_reply{});
        closed.reset();
        self->quit(caf::exit_reason::user_shutdown);
      });
    });
  }

  static std::vector<caf::actor>
  handles_of(const std::unordered_map<uint64_t, caf::actor>& sessions) {
    std::vector<caf::actor> result;
    for (auto& [id, hdl] : sessions)
      result.push_back(hdl);
    return result;
  }
};

caf::behavior store(caf::stateful_actor<store_state>* self, context_ptr ctx) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.spawn_all();
  return {
    [&st](get_request& req) { return st.forward_by_key(req); },
    [&st](exists_request& req) { return st.forward_by_key(req); },
    [&st](metadata_request& req) { return st.forward_by_key(req); },
    [&st](put_request& req) { return st.forward_by_key(req); },
    [&st](update_request& req) { return st.forward_by_key(req); },
    [&st](local_update_request& req) { return st.forward_by_key(req); },
    [&st](erase_request& req) { return st.forward_by_key(req); },
    [&st](write_request& req) { return st.forward_by_key(req); },
    [&st](append_request& req) { return st.forward_by_key(req); },
    [&st](read_log_request& req) { return st.forward_by_key(req); },
    [&st](reduce_log_request& req) { return st.forward_by_key(req); },
    [&st](truncate_log_request& req) { return st.forward_by_key(req); },
    [&st](read_range_request& req) { return st.forward_by_key(req); },
    [&st](multi_get_request& req) { return st.forward_batch(req); },
    [&st](multi_put_request& req) { return st.forward_batch(req); },
    [&st](multi_erase_request& req) { return st.forward_batch(req); },
    [&st](transact_request& req) { return st.forward_batch(req); },
    [&st](restore_request& req) { return st.forward_by_key(req); },
    [&st](open_stream_request& req) { return st.open_stream(req); },
    [&st](open_restore_request& req) { return st.open_stream(req); },
    [&st](put_stored_request& req) { return st.forward_by_key(req); },
    [&st](open_stored_request& req) { return st.open_stream(req); },
    [&st](open_restore_log_request& req) { return st.open_restore_log(req); },
    [&st](restore_entries_request& req) { return st.forward_to_stream(req); },
    [&st](append_stream_request& req) { return st.forward_to_stream(req); },
    [&st](close_stream_request& req) { return st.forward_to_stream(req); },
    [&st](abort_stream_request& req) { return st.forward_to_stream(req); },
    [&st](begin_sweep_request& req) { return st.begin_sweep(req); },
    [&st](keep_request& req) { return st.forward_to_sweep(req); },
    [&st](mark_request& req) { return st.forward_to_sweep(req); },
    [&st](sweep_page_request& req) { return st.forward_to_sweep(req); },
    [&st](end_sweep_request& req) { return st.forward_to_sweep(req); },
    [&st](rekey_request& req) { return st.rekey(req); },
    [&st](begin_publication_request& req) {
      return st.forward(st.publications, req);
    },
    [&st](renew_publication_request& req) {
      return st.forward(st.publications, req);
    },
    [&st](end_publication_request& req) {
      return st.forward(st.publications, req);
    },
    [&st](list_keys_request& req) { return st.forward(st.reader(), req); },
    [&st](verify_request& req) { return st.forward(st.reader(), req); },
    [&st](watch_request& req) { return st.forward(st.watches, req); },
    [&st](fetch_events_request& req) { return st.forward(st.watches, req); },
    [&st](unwatch_request& req) { return st.forward(st.watches, req); },
    [&st](list_stored_request& req) { return st.forward(st.reader(), req); },
    [&st](read_stored_request& req) { return st.forward(st.reader(), req); },
    [&st](open_snapshot_request& req) { return st.open_snapshot(req); },
    [&st](list_snapshot_request& req) { return st.forward_to_snapshot(req); },
    [&st](read_snapshot_request& req) { return st.forward_to_snapshot(req); },
    [&st](close_snapshot_request& req) {
      return st.forward_to_snapshot(req, errc::not_found);
    },
    [&st](const info_request&) { return info_reply{describe(*st.ctx)}; },
    [&st](const statistics_request&) {
      auto& ctx = *st.ctx;
      return statistics_reply{
        summarize(ctx.statistics(), ctx.engine().figures())};
    },
    [&st](routes_request) { return routes_reply{st.key_actors}; },
    [&st](const close_request&) { return st.close(); },
    [&st](stream_ended msg) {
      st.streams.erase(msg.id);
      st.count_streams();
    },
    [&st](sweep_ended msg) { st.sweeps.erase(msg.id); },
    [&st](snapshot_ended msg) {
      st.snapshots.erase(msg.id);
      st.count_snapshots();
    },
    [&st](rekey_ended) { st.rekeying.clear(); },
  };
}

void log_opened(const store_context& ctx) {
  auto& log = ctx.log();
  if (!log.on())
    return;
  auto& chain = ctx.config().chain;
  std::vector<log_field> fields{
    {"store", ctx.name()},
    {"id", ctx.blobs().store()},
    {"serializer", codec_name(chain.write_serializer)},
    {"compressor", codec_name(chain.write_compressor)},
    {"encryptor", codec_name(chain.write_encryptor)},
    {"key-actors", ctx.config().key_actors}};
  auto figures = ctx.engine().figures();
  for (auto& x : figures)
    fields.push_back({x.name, x.amount});
  log.write(log_level::info, "opened", fields);
}

} // namespace

caf::actor spawn_store_actor(caf::actor_system& sys, context_ptr ctx) {
  // Here, so that it comes before all that is said of a store that is spawned.
  log_opened(*ctx);
  return sys.spawn(store, std::move(ctx));
}

} // namespace larder::internal
