// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/store_actor.hpp"

#include "larder/internal/backend_actor.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/describe.hpp"
#include "larder/internal/key_actor.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/routing.hpp"
#include "larder/internal/stream_actor.hpp"

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
  std::unordered_map<uint64_t, caf::actor> streams;
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
    schedule_collection();
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
    // The request is moved from: the owner must be found before.
    auto to = owner(req.key);
    return forward(to, req);
  }

  // -- streams ----------------------------------------------------------------

  caf::result<open_stream_reply> open_stream(open_stream_request& req) {
    if (!ctx->caps().staging)
      return to_caf(
        error{errc::unsupported, ctx->name() + " cannot write streams"});
    if (streams.size() >= ctx->config().max_streams)
      return to_caf(error{errc::overloaded,
                          std::to_string(streams.size())
                            + " streams are open already, try again later"});
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    auto id = new_stream_id();
    auto hdl = linked(
      spawn_stream(self->system(), ctx, id, this_store(), owner(req.key)));
    streams.emplace(id, hdl);
    return forward(hdl, req);
  }

  caf::actor this_store() const {
    return caf::actor_cast<caf::actor>(self);
  }

  /// Not to be guessed, so that only who opened a stream writes to it.
  uint64_t new_stream_id() const {
    uint64_t id = 0;
    do {
      fill_random(std::as_writable_bytes(std::span{&id, 1}));
      id >>= 1;
    } while (id == 0 || streams.contains(id));
    return id;
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

  // -- collecting expired keys ------------------------------------------------

  void schedule_collection() {
    auto interval = ctx->config().collection_interval;
    if (interval.count() > 0)
      detail::delayed_send(self, self, interval, tick{});
  }

  void collect(std::string after) {
    if (closing)
      return;
    detail::request(self, reader(), scan_expired{std::move(after)})
      .then(
        [this](const scan_expired_reply& page) {
          for (auto& key : page.keys)
            detail::send(self, owner(key), collect_expired{key});
          if (page.next.empty())
            schedule_collection();
          else
            collect(page.next);
        },
        // The engine cannot list now; the next round tries again.
        [this](const caf::error&) { schedule_collection(); });
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
    std::vector<caf::actor> open;
    for (auto& [id, hdl] : streams)
      open.push_back(hdl);
    ask_all<erase_reply>(open, abort_stream_request{}, [this] {
      ask_all<drain_reply>(key_actors, drain{}, [this] {
        auto rest = readers;
        rest.push_back(writer);
        ask_all<drain_reply>(rest, drain{}, [this] {
          ctx->release_engine();
          closed->deliver(close_reply{});
          closed.reset();
          self->quit(caf::exit_reason::user_shutdown);
        });
      });
    });
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
    [&st](read_range_request& req) { return st.forward_by_key(req); },
    [&st](open_stream_request& req) { return st.open_stream(req); },
    [&st](append_stream_request& req) { return st.forward_to_stream(req); },
    [&st](close_stream_request& req) { return st.forward_to_stream(req); },
    [&st](abort_stream_request& req) { return st.forward_to_stream(req); },
    [&st](list_keys_request& req) { return st.forward(st.reader(), req); },
    [&st](verify_request& req) { return st.forward(st.reader(), req); },
    [&st](const info_request&) { return info_reply{describe(*st.ctx)}; },
    [&st](const statistics_request&) {
      auto& all = st.ctx->statistics();
      return statistics_reply{summarize(all.data(), all.size())};
    },
    [&st](routes_request) { return routes_reply{st.key_actors}; },
    [&st](const close_request&) { return st.close(); },
    [&st](stream_ended msg) { st.streams.erase(msg.id); },
    [&st](tick) { st.collect({}); },
  };
}

} // namespace

caf::actor spawn_store_actor(caf::actor_system& sys, context_ptr ctx) {
  return sys.spawn(store, std::move(ctx));
}

} // namespace larder::internal
