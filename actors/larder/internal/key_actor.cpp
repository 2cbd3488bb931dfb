// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/key_actor.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/batch_handler.hpp"
#include "larder/internal/engine_access.hpp"
#include "larder/internal/requests.hpp"
#include "larder/key.hpp"

#include <optional>

namespace larder::internal {

namespace {

// -- the actor ----------------------------------------------------------------

struct key_actor_state : key_actor_parts {
#if LARDER_CAF_1
  static inline const char* name = "larder.key-actor";
#else
  const char* name = "larder.key-actor";
#endif

  std::vector<caf::actor> readers;
  size_t next_reader = 0;
  std::optional<batch_handler> batches;
  bool flushing = false;
  bool closing = false;
  std::optional<promise<drain_reply>> drained;

  const caf::actor& reader() {
    next_reader = (next_reader + 1) % readers.size();
    return readers[next_reader];
  }

  /// Starts an operation, then gets done what can be done.
  void execute(operation_ptr op) {
    if (closing) {
      op->fail(error{errc::closed, "the store is being closed"});
      return;
    }
    keys->execute(std::move(op));
    work();
  }

  template <class Request>
  caf::result<typename Request::reply_type> handle(Request& req) {
    promise<typename Request::reply_type> answer{self};
    auto result = answer.handle();
    execute(std::make_unique<pending_request<Request>>(
      std::move(req), std::move(answer), *ctx, *stats));
    return result;
  }

  /// Reads answer at once from what is known; this is the hot path.
  template <class Request>
  caf::result<typename Request::reply_type> handle_read(Request& req) {
    if (!closing) {
      if (auto known = keys->peek(req.key, traits<Request>::needs(req))) {
        auto now = known->meta.expiry ? ctx->now() : 0;
        return at_once<Request>(apply(req, *known, now));
      }
    }
    return handle(req);
  }

  /// Changes are made at once if neither the key nor the engine lets wait.
  template <class Request>
  caf::result<typename Request::reply_type> handle_change(Request& req) {
    if (auto known = peek_to_change(req))
      return at_once<Request>(change_at_once(req, *known));
    return handle(req);
  }

  /// The entry of a key that can be changed at once, or null.
  template <class Request>
  const entry* peek_to_change(const Request& req) {
    if (closing || !ctx->in_place()
        || cost_of(req) >= ctx->config().max_pending_bytes)
      return nullptr;
    return keys->peek(
      req.key, keys->needs_to_change(req.key, traits<Request>::needs(req)));
  }

  template <class Request>
  expected<typename Request::reply_type> change_at_once(const Request& req,
                                                        const entry& before) {
    auto encoded = encode_key(req.key);
    if (!encoded)
      return fail(std::move(encoded.error()));
    auto after = before;
    auto changed = false;
    auto result = apply_any(req, after, keys->context_of(*encoded), changed);
    if (changed) {
      auto ok = keys->change_at_once(req.key, *encoded, before,
                                     std::move(after), traits<Request>::change);
      if (!ok)
        return fail(std::move(ok.error()));
    }
    return result;
  }

  /// Counts and makes an answer for which nobody had to wait.
  template <class Request>
  caf::result<typename Request::reply_type>
  at_once(expected<typename Request::reply_type> result) {
    auto& op = stats->operations[static_cast<size_t>(traits<Request>::kind)];
    op.add(!result, 0);
    stats->cache_hits.add();
    return to_result(std::move(result));
  }

  caf::result<erase_reply> handle_erase(erase_request& req) {
    auto known = peek_to_change(req);
    if (known != nullptr && !known->is_log())
      return at_once<erase_request>(change_at_once(req, *known));
    return logs->erase(req);
  }

  caf::result<read_reply> handle_range(read_range_request& req) {
    promise<read_reply> answer{self};
    auto result = answer.handle();
    auto forward = [this](read_range_request r, promise<read_reply> p) {
      auto shared = std::make_shared<promise<read_reply>>(std::move(p));
      ++forwarded;
      detail::request(self, reader(), std::move(r))
        .then(
          [this, shared](const read_reply& x) {
            --forwarded;
            shared->deliver(x);
            check_drained();
          },
          [this, shared](const caf::error& e) {
            --forwarded;
            shared->fail(to_error(e));
            check_drained();
          });
    };
    execute(std::make_unique<ranged_read>(std::move(req), std::move(answer),
                                          *stats, std::move(forward)));
    return result;
  }

  /// Takes up all keys before anything is asked of the engine, so that they
  /// share its calls.
  caf::result<collect_expired_reply> collect(const collect_expired& req) {
    auto answer = std::make_shared<promise<collect_expired_reply>>(self);
    auto result = answer->handle();
    auto done
      = [answer](const void*) { answer->deliver(collect_expired_reply{}); };
    std::shared_ptr<const void> token{nullptr, std::move(done)};
    if (!closing)
      for (auto& key : *req.keys)
        keys->execute(std::make_unique<collection>(key, *stats, token));
    work();
    return result;
  }

  caf::result<rekey_key_reply> rekey(rekey_key& req) {
    promise<rekey_key_reply> answer{self};
    auto result = answer.handle();
    execute(std::make_unique<rekeying>(std::move(req), std::move(answer)));
    return result;
  }

  template <class Request>
  caf::result<typename Request::reply_type> handle_batch(Request& req) {
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    auto result = batches->handle(req);
    work();
    return result;
  }

  // -- talking to the engine --------------------------------------------------

  /// Sees to it that what the shard wants from the engine is done: now, or
  /// after the messages that are in the mailbox already, all in one batch.
  void work() {
    batches->transactions().take_held();
    if (ctx->in_place()) {
      while (keys->has_work()) {
        work_in_place(keys->take_work());
        batches->transactions().take_held();
      }
      check_drained();
    } else if (keys->has_work()) {
      flush_later();
    } else {
      check_drained();
    }
  }

  /// Has `flush_work` run after the messages that are in the mailbox already.
  void flush_later() {
    if (!std::exchange(flushing, true))
      detail::send(self, self, flush{});
  }

  void work_in_place(engine_work todo) {
    if (!todo.loads.empty()) {
      auto outcomes = read(*ctx, todo.loads, *stats);
      for (size_t i = 0; i < outcomes.size(); ++i)
        keys->loaded(todo.load_keys[i], std::move(outcomes[i]));
    }
    if (!todo.commits.empty()) {
      auto outcomes = commit(*ctx, todo.commits, *stats);
      take_outcomes(todo.commit_keys, outcomes);
    }
  }

  void take_outcomes(const std::vector<engine_work::committing>& of,
                     std::span<commit_outcome> outcomes) {
    for (auto& x : of)
      keys->committed(x.key, outcomes.subspan(x.index, x.count));
  }

  void flush_work() {
    flushing = false;
    reporter->flush();
    auto todo = keys->take_work();
    if (!todo.loads.empty())
      send_loads(std::move(todo.loads), std::move(todo.load_keys));
    if (!todo.commits.empty())
      send_commits(std::move(todo.commits), std::move(todo.commit_keys));
  }

  void send_loads(std::vector<read_request> items, std::vector<value> ids) {
    auto batch = std::make_shared<std::vector<read_request>>(std::move(items));
    auto shared_ids = std::make_shared<std::vector<value>>(std::move(ids));
    detail::request(self, reader(), load_batch{batch})
      .then(
        [this, shared_ids](const load_batch_reply& reply) {
          for (size_t i = 0; i < shared_ids->size(); ++i)
            keys->loaded((*shared_ids)[i], std::move((*reply.items)[i]));
          work();
        },
        [this, shared_ids](const caf::error& err) {
          for (auto& id : *shared_ids)
            keys->loaded(id, fail(to_error(err)));
          work();
        });
  }

  void send_commits(std::vector<mutation> items,
                    std::vector<engine_work::committing> keys_of_items) {
    auto size = items.size();
    auto batch = std::make_shared<std::vector<mutation>>(std::move(items));
    auto of = std::make_shared<std::vector<engine_work::committing>>(
      std::move(keys_of_items));
    stats->queued.add(size);
    detail::request(self, writer, commit_batch{batch})
      .then(
        [this, of](const commit_batch_reply& reply) {
          take_outcomes(*of, *reply.items);
          work();
        },
        [this, of, size](const caf::error& err) {
          // The writer is gone: what became of the batch is not known.
          auto cause = to_error(err);
          error lost{errc::io_error, "commit: " + cause.message(), true};
          std::vector<commit_outcome> all(size, fail(lost));
          take_outcomes(*of, all);
          work();
        });
  }

  // -- watching ---------------------------------------------------------------

  /// Tells the shard whether changes are to be reported.
  void update_listener() {
    if (!reporter->active())
      return keys->listen(nullptr);
    std::function<bool(const value&)> wants_before;
    if (reporter->wants_before())
      wants_before
        = [this](const value& key) { return reporter->wants_before(key); };
    keys->listen(
      [this](const committed_change& x) {
        reporter->changed(x);
        flush_later();
      },
      std::move(wants_before), [this] { reporter->in_doubt(); });
  }

  scope_added add(const add_scope& msg) {
    reporter->add(msg, caf::actor_cast<caf::actor>(self->current_sender()));
    update_listener();
    return {};
  }

  // -- shutting down ----------------------------------------------------------

  void check_drained() {
    if (drained && keys->idle() && logs->idle() && batches->idle()
        && forwarded == 0) {
      drained->deliver(drain_reply{});
      drained.reset();
    }
  }
};

caf::behavior key_actor(caf::stateful_actor<key_actor_state>* self,
                        context_ptr ctx, size_t index, caf::actor writer,
                        std::vector<caf::actor> readers) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = ctx;
  st.stats = &ctx->statistics()[index];
  st.reporter = std::make_unique<change_reporter>(self, ctx);
  st.keys = std::make_unique<shard>(std::move(ctx), *st.stats);
  st.writer = std::move(writer);
  st.index = index;
  st.wake = [&st] { st.work(); };
  st.batches.emplace(st);
  st.readers = std::move(readers);
  st.logs = std::make_unique<log_service>(
    log_service::host{self, st.ctx, st.stats, st.writer,
                      [&st](operation_ptr op) { st.execute(std::move(op)); },
                      [&st]() -> const caf::actor& { return st.reader(); },
                      [&st] { st.check_drained(); }});
  return {
    [&st](get_request& req) { return st.handle_read(req); },
    [&st](exists_request& req) { return st.handle_read(req); },
    [&st](metadata_request& req) { return st.handle_read(req); },
    [&st](put_request& req) { return st.handle_change(req); },
    [&st](update_request& req) { return st.handle_change(req); },
    [&st](local_update_request& req) { return st.handle_change(req); },
    [&st](erase_request& req) { return st.handle_erase(req); },
    [&st](append_request& req) { return st.handle_change(req); },
    [&st](read_log_request& req) { return st.logs->read(req); },
    [&st](reduce_log_request& req) { return st.logs->reduce(req); },
    [&st](truncate_log_request& req) { return st.logs->truncate(req); },
    [&st](const collect_garbage& req) {
      if (!st.closing)
        st.logs->collect(req);
    },
    [](const post& msg) { msg.run(); },
    [&st](write_request& req) -> caf::result<put_reply> {
      auto limit = st.ctx->config().max_message_size;
      if (req.content && req.content->size() > limit)
        return to_caf(error{errc::limit_exceeded,
                            "more than " + std::to_string(limit)
                              + " bytes in one message, write a stream"});
      return st.handle(req);
    },
    [&st](restore_request& req) { return st.handle(req); },
    [&st](put_stored_request& req) { return st.handle(req); },
    [&st](commit_stream& req) { return st.handle(req); },
    [&st](commit_log& req) { return st.handle(req); },
    [&st](rekey_key& req) { return st.rekey(req); },
    [&st](read_range_request& req) { return st.handle_range(req); },
    [&st](const collect_expired& req) { return st.collect(req); },
    [&st](const add_scope& msg) { return st.add(msg); },
    [&st](remove_scope msg) {
      st.reporter->remove(msg.id);
      st.update_listener();
    },
    [&st](multi_get_request& req) { return st.handle_batch(req); },
    [&st](multi_put_request& req) { return st.handle_batch(req); },
    [&st](multi_erase_request& req) { return st.handle_batch(req); },
    [&st](transact_request& req) { return st.handle_batch(req); },
    [&st](const join_transaction& msg) {
      st.batches->transactions().join(msg.what);
      st.work();
    },
    [&st](const settle_transaction& msg) {
      st.batches->transactions().settle(msg.what);
      st.work();
    },
    [&st](check_holds_now) {
      st.batches->transactions().check_holds();
      st.work();
    },
    [&st](const look_at_snapshot& msg) {
      st.batches->snapshots().look(msg.what, msg.asked_by);
      st.work();
    },
    [&st](const snapshot_seen& msg) {
      st.batches->snapshots().looked(msg.what);
      st.work();
    },
    [&st](meet_peers& msg) { st.peers = std::move(msg.key_actors); },
    [&st](flush) { st.flush_work(); },
    [&st](drain) -> caf::result<drain_reply> {
      st.closing = true;
      st.drained.emplace(st.self);
      st.reporter->flush();
      auto result = st.drained->handle();
      st.check_drained();
      return result;
    },
  };
}

} // namespace

caf::actor spawn_key_actor(caf::actor_system& sys, context_ptr ctx,
                           size_t index, caf::actor writer,
                           std::vector<caf::actor> readers) {
  return sys.spawn(key_actor, std::move(ctx), index, std::move(writer),
                   std::move(readers));
}

} // namespace larder::internal
