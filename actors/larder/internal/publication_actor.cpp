// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/publication_actor.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/publications.hpp"
#include "larder/internal/random_id.hpp"
#include "larder/internal/when_over.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

namespace larder::internal {

namespace {

/// How often a change that lost against another process is tried again.
constexpr int max_attempts = 100;

constexpr size_t max_publications = 10'000;

constexpr auto max_lease = std::chrono::hours{24};

error ended(uint64_t id) {
  return {errc::not_found,
          "publication " + std::to_string(id)
            + " is not open: it has ended, or its lease ran out and a sweep "
              "went past it; what was written under it may be gone: publish "
              "again"};
}

expected<void> check_lease(std::chrono::milliseconds lease) {
  if (lease.count() >= 1 && lease <= max_lease)
    return {};
  return fail(errc::invalid_argument, "a lease is between 1 ms and 24 h, not "
                                        + std::to_string(lease.count())
                                        + " ms");
}

/// Something to be done with the open publications: changed in memory, settled
/// when the change is durable. It is applied again after a conflict.
struct task {
  /// Returns whether it has changed them.
  std::function<bool(publication_map&)> apply;
  std::function<void(const expected<void>&)> settle;
};

struct publication_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.publications";
#else
  const char* name = "larder.publications";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  caf::actor writer;
  caf::actor reader;

  std::vector<task> waiting;
  std::vector<task> under_way;
  int attempts = 0;

  /// Who holds which publications. An actor that has begun one stays here, with
  /// or without any, so that it is watched once.
  std::map<caf::actor_addr, std::set<uint64_t>> holders;

  bool closing = false;
  std::optional<promise<drain_reply>> drained;

  // -- requests ---------------------------------------------------------------

  /// Makes a task out of `f`, which gets the publications and sets `changed`,
  /// and answers with what it returns.
  template <class Reply, class F>
  caf::result<Reply> answer_with(F f) {
    if (closing)
      return to_caf(error{errc::closed, "the store is being closed"});
    auto answer = std::make_shared<promise<Reply>>(self);
    auto result = answer->handle();
    answer->leave_in_doubt();
    auto outcome = std::make_shared<expected<Reply>>();
    auto apply = [f, outcome](publication_map& open) {
      auto changed = false;
      *outcome = f(open, changed);
      return changed;
    };
    auto settle = [answer, outcome](const expected<void>& done) {
      if (done)
        answer->deliver(std::move(*outcome));
      else
        answer->fail(done.error());
    };
    add({std::move(apply), std::move(settle)});
    return result;
  }

  caf::result<begin_publication_reply>
  begin(const begin_publication_request& req) {
    if (auto ok = check_lease(req.lease); !ok)
      return to_caf(ok.error());
    auto id = random_id();
    hold(id);
    auto f = [this, id, lease = req.lease](
               publication_map& open,
               bool& changed) -> expected<begin_publication_reply> {
      if (open.size() >= max_publications) {
        forget(id);
        return fail(errc::overloaded, std::to_string(open.size())
                                        + " publications are open already, "
                                          "try again later");
      }
      // Nothing written from now on is stamped earlier, whoever writes it.
      auto stamp = std::min(ctx->stamp(), ctx->now());
      open[id] = {stamp, ctx->now() + lease.count()};
      changed = true;
      return begin_publication_reply{id, stamp};
    };
    return answer_with<begin_publication_reply>(f);
  }

  caf::result<renew_publication_reply>
  renew(const renew_publication_request& req) {
    if (auto ok = check_lease(req.lease); !ok)
      return to_caf(ok.error());
    auto f = [this, req](publication_map& open,
                         bool& changed) -> expected<renew_publication_reply> {
      auto i = open.find(req.publication);
      if (i == open.end())
        return fail(ended(req.publication));
      i->second.expiry = ctx->now() + req.lease.count();
      changed = true;
      return renew_publication_reply{};
    };
    return answer_with<renew_publication_reply>(f);
  }

  caf::result<end_publication_reply> end(const end_publication_request& req) {
    forget(req.publication);
    auto f =
      [id = req.publication](publication_map& open,
                             bool& changed) -> expected<end_publication_reply> {
      if (open.erase(id) == 0)
        return fail(ended(id));
      changed = true;
      return end_publication_reply{};
    };
    return answer_with<end_publication_reply>(f);
  }

  /// Tells a sweep of the oldest publication. Those that have run out are
  /// removed before the sweep goes past them: from then on their holders know.
  caf::result<find_publications_reply> find(const find_publications& req) {
    auto f = [this, remove = req.remove_expired](
               publication_map& open,
               bool& changed) -> expected<find_publications_reply> {
      find_publications_reply reply;
      auto now = ctx->now() - ctx->clock_allowance();
      for (auto i = open.begin(); i != open.end();) {
        auto& [id, times] = *i;
        auto expired = times.expiry <= now;
        if (!expired)
          reply.oldest
            = std::min(reply.oldest.value_or(times.stamp), times.stamp);
        if (!expired || !remove) {
          ++i;
          continue;
        }
        changed = true;
        forget(id);
        i = open.erase(i);
      }
      return reply;
    };
    return answer_with<find_publications_reply>(f);
  }

  // -- holders ----------------------------------------------------------------

  /// Notes that who has sent the current message holds a publication.
  void hold(uint64_t id) {
    auto holder = self->current_sender();
    if (!holder)
      return; // nobody to watch: only the lease ends it
    auto addr = caf::actor_cast<caf::actor_addr>(holder);
    auto [i, is_new] = holders.try_emplace(addr);
    i->second.insert(id);
    if (is_new)
      when_over(self, holder->get(), [this, addr] { release(addr); });
  }

  void forget(uint64_t id) {
    for (auto& [holder, ids] : holders)
      ids.erase(id);
  }

  void release(const caf::actor_addr& holder) {
    auto i = holders.find(holder);
    if (i == holders.end())
      return;
    auto ids = std::move(i->second);
    holders.erase(i);
    remove(std::move(ids));
  }

  void remove(std::set<uint64_t> ids) {
    if (ids.empty())
      return;
    auto apply = [ids = std::move(ids)](publication_map& open) {
      size_t n = 0;
      for (auto id : ids)
        n += open.erase(id);
      return n > 0;
    };
    // Should it fail, the lease ends them.
    add({std::move(apply), [](const expected<void>&) {}});
  }

  // -- the record -------------------------------------------------------------

  void add(task x) {
    waiting.push_back(std::move(x));
    work();
  }

  /// Takes up all that waits: it is read, changed and written together.
  void work() {
    if (!under_way.empty())
      return;
    if (waiting.empty()) {
      if (drained) {
        drained->deliver(drain_reply{});
        drained.reset();
      }
      return;
    }
    under_way = std::exchange(waiting, {});
    attempts = 0;
    load();
  }

  void settle(const expected<void>& how) {
    auto done = std::exchange(under_way, {});
    for (auto& x : done)
      x.settle(how);
    work();
  }

  void load() {
    auto items = std::make_shared<std::vector<read_request>>();
    items->push_back({publications_key(), blob_part::all, 0, 0, std::nullopt});
    detail::request(self, reader, load_batch{items})
      .then(
        [this](const load_batch_reply& reply) {
          loaded(std::move(reply.items->front()));
        },
        [this](const caf::error& err) { settle(fail(to_error(err))); });
  }

  void loaded(read_outcome outcome) {
    if (!outcome)
      return settle(fail(std::move(outcome.error())));
    stored_publications stored;
    if (*outcome) {
      auto decoded = decode_publications(ctx->blobs(), (*outcome)->data);
      if (!decoded)
        return settle(fail(std::move(decoded.error())));
      stored = std::move(*decoded);
    }
    auto changed = false;
    for (auto& x : under_way)
      changed |= x.apply(stored.open);
    if (changed)
      store(stored);
    else
      settle({});
  }

  /// Always conditional: another process may have written meanwhile.
  void store(const stored_publications& what) {
    mutation mut;
    mut.key = publications_key();
    mut.condition = what.rev ? precondition::matches(*what.rev)
                             : precondition::absent();
    if (!what.open.empty()) {
      revision rev;
      fill_random(rev.data);
      auto blob = encode_publications(ctx->blobs(), what.open, rev);
      if (!blob)
        return settle(fail(std::move(blob.error())));
      mut.content = std::make_shared<const bytes>(std::move(*blob));
    } else if (!what.rev) {
      return settle({}); // begun and ended before anything was written
    }
    auto items = std::make_shared<std::vector<mutation>>();
    items->push_back(std::move(mut));
    ctx->shared_statistics().queued.add_shared(items->size());
    detail::request(self, writer, commit_batch{items})
      .then(
        [this](const commit_batch_reply& reply) {
          stored(reply.items->front());
        },
        [this](const caf::error& err) { settle(fail(to_error(err))); });
  }

  void stored(const commit_outcome& outcome) {
    if (outcome)
      return settle({});
    auto lost = outcome.error() == errc::precondition_failed
                || outcome.error() == errc::conflict;
    if (!lost)
      return settle(fail(outcome.error()));
    if (++attempts < max_attempts)
      return load();
    settle(fail(errc::conflict, "other processes changed the record of open "
                                "publications all the time, try again"));
  }

  // -- closing ----------------------------------------------------------------

  caf::result<drain_reply> close() {
    drained.emplace(self);
    auto result = drained->handle();
    closing = true;
    auto all = std::exchange(holders, {});
    std::set<uint64_t> ids;
    for (auto& [holder, held] : all)
      ids.merge(held);
    remove(std::move(ids));
    work();
    return result;
  }
};

caf::behavior publications(caf::stateful_actor<publication_state>* self,
                           context_ptr ctx, caf::actor writer,
                           caf::actor reader) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.writer = std::move(writer);
  st.reader = std::move(reader);
  return {
    [&st](const begin_publication_request& req) { return st.begin(req); },
    [&st](const renew_publication_request& req) { return st.renew(req); },
    [&st](const end_publication_request& req) { return st.end(req); },
    [&st](const find_publications& req) { return st.find(req); },
    [](const post& msg) { msg.run(); },
    [&st](drain) { return st.close(); },
  };
}

} // namespace

caf::actor spawn_publication_actor(caf::actor_system& sys, context_ptr ctx,
                                   caf::actor writer, caf::actor reader) {
  return sys.spawn(publications, std::move(ctx), std::move(writer),
                   std::move(reader));
}

} // namespace larder::internal
