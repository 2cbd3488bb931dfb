// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/key_actor.hpp"

#include "larder/internal/apply.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/engine_access.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/shard.hpp"
#include "larder/text.hpp"

#include <optional>
#include <type_traits>

namespace larder::internal {

namespace {

// -- requests as operations ---------------------------------------------------

/// How requests are counted, what they need, and what they keep in memory.
template <class Request>
struct traits;

template <op_kind Kind, bool Mutation>
struct basic_traits {
  static constexpr op_kind kind = Kind;
  static constexpr bool is_mutation = Mutation;
};

template <>
struct traits<get_request> : basic_traits<op_kind::get, false> {
  static knowledge needs(const get_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<exists_request> : basic_traits<op_kind::exists, false> {
  static knowledge needs(const exists_request& req) {
    return req.steps.empty() ? knowledge::existence : knowledge::content;
  }
};

template <>
struct traits<metadata_request> : basic_traits<op_kind::metadata, false> {
  static knowledge needs(const metadata_request&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<put_request> : basic_traits<op_kind::put, true> {
  static knowledge needs(const put_request& req) {
    return req.steps.empty() ? knowledge::metadata : knowledge::content;
  }
};

template <>
struct traits<update_request> : basic_traits<op_kind::update, true> {
  static knowledge needs(const update_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<local_update_request> : basic_traits<op_kind::update, true> {
  static knowledge needs(const local_update_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<erase_request> : basic_traits<op_kind::erase, true> {
  static knowledge needs(const erase_request& req) {
    return req.steps.empty() ? knowledge::existence : knowledge::content;
  }
};

template <>
struct traits<write_request> : basic_traits<op_kind::write, true> {
  static knowledge needs(const write_request&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<commit_stream> : basic_traits<op_kind::write, true> {
  static knowledge needs(const commit_stream&) {
    return knowledge::metadata;
  }
};

size_t cost_of(const put_request& req) {
  return req.content.footprint();
}

size_t cost_of(const update_request& req) {
  size_t result = 0;
  for (auto& x : req.arguments)
    result += x.footprint();
  return result;
}

size_t cost_of(const write_request& req) {
  return req.content ? req.content->size() : 0;
}

template <class Request>
size_t cost_of(const Request&) {
  return 0;
}

/// Calls the `apply` of a request, whichever form it has.
template <class Request>
auto apply_any(const Request& req, entry& state, const apply_context& ctx,
               bool& changed) {
  if constexpr (traits<Request>::is_mutation)
    return apply(req, state, ctx, changed);
  else
    return apply(req, std::as_const(state), ctx.now);
}

/// A request that waits for its answer.
template <class Request>
class pending_request : public operation {
public:
  using reply_type = typename Request::reply_type;

  pending_request(Request req, promise<reply_type> answer,
                  actor_statistics& stats)
    : request_(std::move(req)),
      promise_(std::move(answer)),
      stats_(stats.operations[static_cast<size_t>(traits<Request>::kind)]),
      cost_(sizeof(*this) + request_.key.size() + cost_of(request_)) {
    // nop
  }

  const value& key() const noexcept override {
    return request_.key;
  }

  knowledge needs() const noexcept override {
    return traits<Request>::needs(request_);
  }

  size_t cost() const noexcept override {
    return cost_;
  }

  bool apply(entry& state, const apply_context& ctx) override {
    auto changed = false;
    try {
      result_ = apply_any(request_, state, ctx, changed);
    } catch (const std::exception& ex) {
      result_ = larder::fail(errc::internal, ex.what());
      changed = false;
    }
    return changed;
  }

  void answer() override {
    count(!*result_);
    promise_.deliver(std::move(*result_));
  }

  void fail(const error& err) override {
    count(true);
    promise_.fail(err);
  }

private:
  void count(bool failed) {
    stats_.count.add();
    if (failed)
      stats_.errors.add();
    stats_.microseconds.add(age().microseconds());
  }

  Request request_;
  promise<reply_type> promise_;
  actor_statistics::operation& stats_;
  size_t cost_;
  std::optional<expected<reply_type>> result_;
};

/// Erases a key that has expired. Nobody waits for it.
class collection : public operation {
public:
  collection(value key, actor_statistics& stats)
    : request_{std::move(key)}, stats_(stats) {
    // nop
  }

  const value& key() const noexcept override {
    return request_.key;
  }

  knowledge needs() const noexcept override {
    // Not the header alone, whose expiry nothing has verified.
    return knowledge::metadata;
  }

  size_t cost() const noexcept override {
    return sizeof(*this);
  }

  bool apply(entry& state, const apply_context& ctx) override {
    changed_ = false;
    internal::apply(request_, state, ctx, changed_);
    return changed_;
  }

  void answer() override {
    if (changed_)
      stats_.expired.add();
  }

  void fail(const error&) override {
    // The next scan finds the key again.
  }

private:
  collect_expired request_;
  actor_statistics& stats_;
  bool changed_ = false;
};

/// A range of a binary: waits for its turn, then asks a reader.
class ranged_read : public operation {
public:
  using forward_fn
    = std::function<void(read_range_request, promise<read_reply>)>;

  ranged_read(read_range_request req, promise<read_reply> answer,
              actor_statistics& stats, forward_fn forward)
    : request_(std::move(req)),
      promise_(std::move(answer)),
      stats_(stats.operations[static_cast<size_t>(op_kind::read)]),
      forward_(std::move(forward)) {
    // nop
  }

  const value& key() const noexcept override {
    return request_.key;
  }

  knowledge needs() const noexcept override {
    return knowledge::existence;
  }

  size_t cost() const noexcept override {
    return sizeof(*this);
  }

  bool apply(entry& state, const apply_context& ctx) override {
    exists_ = state.live(ctx.now);
    return false;
  }

  /// Everything before it on the key is durable now: a reader will see it.
  void answer() override {
    stats_.count.add();
    if (!exists_) {
      stats_.errors.add();
      promise_.fail(
        error{errc::not_found, "no such key: " + to_edn(request_.key)});
      return;
    }
    forward_(std::move(request_), std::move(promise_));
  }

  void fail(const error& err) override {
    stats_.count.add();
    stats_.errors.add();
    promise_.fail(err);
  }

private:
  read_range_request request_;
  promise<read_reply> promise_;
  actor_statistics::operation& stats_;
  forward_fn forward_;
  bool exists_ = false;
};

// -- the actor ----------------------------------------------------------------

struct key_actor_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.key-actor";
#else
  const char* name = "larder.key-actor";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  actor_statistics* stats = nullptr;
  std::unique_ptr<shard> keys;
  caf::actor writer;
  std::vector<caf::actor> readers;
  size_t next_reader = 0;
  size_t forwarded = 0; ///< reads that a reader has not answered
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
      std::move(req), std::move(answer), *stats));
    return result;
  }

  /// Reads answer at once from what is known; this is the hot path.
  template <class Request>
  caf::result<typename Request::reply_type> handle_read(Request& req) {
    if (!closing) {
      if (auto known = keys->peek(req.key, traits<Request>::needs(req))) {
        auto now = known->meta.expiry ? ctx->now() : 0;
        auto result = apply(req, *known, now);
        auto& op
          = stats->operations[static_cast<size_t>(traits<Request>::kind)];
        op.count.add();
        op.microseconds.add(0);
        if (!result)
          op.errors.add();
        stats->cache_hits.add();
        return to_result(std::move(result));
      }
    }
    return handle(req);
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

  // -- talking to the engine --------------------------------------------------

  /// Sees to it that what the shard wants from the engine is done: now, or
  /// after the messages that are in the mailbox already, all in one batch.
  void work() {
    if (ctx->in_place()) {
      while (keys->has_work())
        work_in_place(keys->take_work());
      check_drained();
    } else if (keys->has_work() && !flushing) {
      flushing = true;
      detail::send(self, self, flush{});
    } else {
      check_drained();
    }
  }

  void work_in_place(engine_work todo) {
    if (!todo.loads.empty()) {
      auto outcomes = read(*ctx, todo.loads);
      for (size_t i = 0; i < outcomes.size(); ++i)
        keys->loaded(todo.load_keys[i], std::move(outcomes[i]));
    }
    if (!todo.commits.empty()) {
      auto outcomes = commit(*ctx, todo.commits, *stats);
      for (size_t i = 0; i < outcomes.size(); ++i)
        keys->committed(todo.commit_keys[i], std::move(outcomes[i]));
    }
  }

  void flush_work() {
    flushing = false;
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

  void send_commits(std::vector<mutation> items, std::vector<value> ids) {
    auto batch = std::make_shared<std::vector<mutation>>(std::move(items));
    auto shared_ids = std::make_shared<std::vector<value>>(std::move(ids));
    detail::request(self, writer, commit_batch{batch})
      .then(
        [this, shared_ids](const commit_batch_reply& reply) {
          for (size_t i = 0; i < shared_ids->size(); ++i)
            keys->committed((*shared_ids)[i], std::move((*reply.items)[i]));
          work();
        },
        [this, shared_ids](const caf::error& err) {
          // The writer is gone: what became of the batch is not known.
          auto cause = to_error(err);
          error lost{errc::io_error, "commit: " + cause.message(), true};
          for (auto& id : *shared_ids)
            keys->committed(id, fail(lost));
          work();
        });
  }

  // -- shutting down ----------------------------------------------------------

  void check_drained() {
    if (drained && keys->idle() && forwarded == 0) {
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
  st.keys = std::make_unique<shard>(std::move(ctx), *st.stats);
  st.writer = std::move(writer);
  st.readers = std::move(readers);
  return {
    [&st](get_request& req) { return st.handle_read(req); },
    [&st](exists_request& req) { return st.handle_read(req); },
    [&st](metadata_request& req) { return st.handle_read(req); },
    [&st](put_request& req) { return st.handle(req); },
    [&st](update_request& req) { return st.handle(req); },
    [&st](local_update_request& req) { return st.handle(req); },
    [&st](erase_request& req) { return st.handle(req); },
    [&st](write_request& req) -> caf::result<put_reply> {
      auto limit = st.ctx->config().max_message_size;
      if (req.content && req.content->size() > limit)
        return to_caf(error{errc::limit_exceeded,
                            "more than " + std::to_string(limit)
                              + " bytes in one message, write a stream"});
      return st.handle(req);
    },
    [&st](commit_stream& req) { return st.handle(req); },
    [&st](read_range_request& req) { return st.handle_range(req); },
    [&st](collect_expired& req) {
      if (!st.closing)
        st.execute(std::make_unique<collection>(std::move(req.key), *st.stats));
    },
    [&st](flush) { st.flush_work(); },
    [&st](drain) -> caf::result<drain_reply> {
      st.closing = true;
      st.drained.emplace(st.self);
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
