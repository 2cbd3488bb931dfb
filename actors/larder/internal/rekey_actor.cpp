// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/rekey_actor.hpp"

#include "larder/internal/guarded.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/rekey_blobs.hpp"
#include "larder/internal/routing.hpp"
#include "larder/internal/spawn_blocking.hpp"
#include "larder/key.hpp"

#include <map>
#include <optional>

namespace larder::internal {

namespace {

/// Commits under way at the same time: enough to share them, few enough to
/// leave room for others.
constexpr size_t commits_at_once = 64;

/// From so many bytes on, the rest of a page is left to the next request, so
/// that each is answered in time.
constexpr uint64_t max_page_bytes = uint64_t{256} << 20;

/// How often a key is tried again that found too much under way, and after what
/// pause.
constexpr int max_attempts = 1000;
constexpr auto pause = std::chrono::milliseconds{10};

struct rekey_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.rekey";
#else
  const char* name = "larder.rekey";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  rekey_helpers helpers;

  rekey_request request;
  std::optional<promise<rekey_reply>> answer;
  rekey_reply reply;
  rekey_page page;
  size_t next = 0; ///< of the page's old blobs
  size_t under_way = 0;
  uint64_t bytes_under_way = 0;
  std::map<uint32_t, uint64_t> left;
  std::optional<error> broken;
  std::optional<promise<drain_reply>> drained;

  // -- beginning --------------------------------------------------------------

  caf::result<rekey_reply> start(rekey_request& req) {
    answer.emplace(self);
    auto result = answer->handle();
    request = std::move(req);
    if (auto ok = list(); !ok)
      broken = std::move(ok.error());
    else if (request.dry_run)
      leave_all();
    else
      answer->leave_in_doubt();
    advance();
    return result;
  }

  expected<void> list() {
    auto& chain = ctx->config().chain;
    if (request.limit == 0)
      return fail(errc::invalid_argument, "the limit must be at least 1");
    if (chain.write_encryptor == nullptr || chain.keys == nullptr)
      return fail(errc::invalid_argument,
                  ctx->name()
                    + " does not encrypt: open it with an encryptor and a "
                      "keyring");
    auto primary = chain.keys->primary();
    if (!primary)
      return fail(std::move(primary.error()));
    reply.primary = primary->id();
    auto found
      = guarded([&] { return find_old_blobs(*ctx, request, primary->id()); });
    if (!found)
      return fail(std::move(found.error()));
    page = std::move(*found);
    reply.examined = page.examined;
    reply.failed = std::move(page.failed);
    if (!page.next.empty())
      reply.next = page.next;
    ctx->shared_statistics().rekey_examined.add_shared(page.examined);
    return {};
  }

  void leave_all() {
    for (auto& x : page.old)
      leave(x);
    next = page.old.size();
  }

  void leave(const old_blob& x) {
    ++left[x.head.encryptor_id == 0 ? 0 : x.head.key_id];
  }

  // -- going on ---------------------------------------------------------------

  bool stopped() const {
    return broken || drained || reply.bytes >= max_page_bytes;
  }

  void advance() {
    while (under_way < commits_at_once && bytes_under_way < max_page_bytes
           && next < page.old.size() && !stopped())
      begin(page.old[next++]);
    if (under_way == 0)
      finish();
  }

  void begin(const old_blob& x) {
    bytes_under_way += x.size;
    ++under_way;
    if (is_hidden_key(x.encoded))
      return begin_hidden(x);
    if (x.head.has(header::flag_binary))
      return begin_binary(x);
    auto key = decode_key(x.encoded);
    if (!key)
      return done(x, fail(std::move(key.error())));
    rekey_key todo;
    todo.key = std::move(*key);
    todo.rev = x.head.rev;
    send(x, std::move(todo));
  }

  void begin_binary(const old_blob& x) {
    auto todo = guarded([&] { return rekey_binary(*ctx, x); });
    if (!todo)
      done(x, fail(std::move(todo.error())));
    else if (*todo)
      send(x, std::move(**todo));
    else
      done(x, false);
  }

  void send(const old_blob& x, rekey_key todo, int attempts = 0) {
    auto& owner
      = helpers.key_actors[route(todo.key, helpers.key_actors.size())];
    detail::request(self, owner, todo)
      .then([this, &x](const rekey_key_reply& r) { done(x, r.changed); },
            [this, &x, todo, attempts](const caf::error& err) {
              auto why = to_error(err);
              if (why != errc::overloaded || attempts == max_attempts)
                return done(x, fail(std::move(why)));
              detail::delayed_send(self, self, pause,
                                   post{[this, &x, todo, attempts] {
                                     send(x, todo, attempts + 1);
                                   }});
            });
  }

  void begin_hidden(const old_blob& x) {
    auto todo = guarded([&] { return rekey_hidden(*ctx, x); });
    if (!todo)
      return done(x, fail(std::move(todo.error())));
    if (!*todo) {
      leave(x); // the next look tells whether it still is
      return done(x, false);
    }
    auto items = std::make_shared<std::vector<mutation>>();
    items->push_back(std::move(**todo));
    ctx->shared_statistics().queued.add_shared(items->size());
    detail::request(self, helpers.writer, commit_batch{items})
      .then(
        [this, &x](const commit_batch_reply& r) {
          auto& outcome = r.items->front();
          if (outcome)
            done(x, true);
          else if (outcome.error() == errc::precondition_failed)
            done(x, false);
          else
            done(x, fail(std::move(outcome.error())));
        },
        [this, &x](const caf::error& err) { done(x, fail(to_error(err))); });
  }

  /// @param changed whether it was written again; if not, somebody else has
  void done(const old_blob& x, expected<bool> changed) {
    --under_way;
    bytes_under_way -= x.size;
    if (!changed) {
      leave(x);
      auto key = decode_key(x.encoded);
      reply.failed.push_back(
        {key ? *key : value{to_bytes(x.encoded)}, std::move(changed.error())});
    } else if (*changed) {
      ++reply.rekeyed;
      reply.bytes += x.size;
    }
    // Not from within `advance`, which may have called this.
    detail::send(self, self, tick{});
  }

  // -- ending -----------------------------------------------------------------

  void finish() {
    if (!answer)
      return;
    ctx->shared_statistics().rekeyed.add_shared(reply.rekeyed);
    if (drained && !broken)
      broken = error{errc::closed, "the store is being closed"};
    for (auto [id, blobs] : left)
      reply.left.push_back({id, blobs});
    if (next < page.old.size()) {
      // What is done is not old any more; what has failed is tried again.
      reply.next = request.after;
      reply.left.clear();
      reply.failed.clear();
    }
    if (broken)
      answer->fail(*broken);
    else
      answer->deliver(std::move(reply));
    answer.reset();
    if (drained)
      drained->deliver(drain_reply{});
    detail::send(self, helpers.store, rekey_ended{});
    self->quit();
  }

  caf::result<drain_reply> drain_now() {
    drained.emplace(self);
    auto result = drained->handle();
    if (under_way == 0)
      finish();
    return result;
  }
};

caf::behavior rekey(caf::stateful_actor<rekey_state>* self, context_ptr ctx,
                    rekey_helpers helpers) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.helpers = std::move(helpers);
  return {
    [&st](rekey_request& req) { return st.start(req); },
    [](const post& msg) { msg.run(); },
    [&st](tick) { st.advance(); },
    [&st](drain) { return st.drain_now(); },
  };
}

} // namespace

caf::actor spawn_rekey(caf::actor_system& sys, context_ptr ctx,
                       rekey_helpers helpers) {
  auto& context = *ctx;
  return spawn_blocking(sys, context, rekey, std::move(ctx),
                        std::move(helpers));
}

} // namespace larder::internal
