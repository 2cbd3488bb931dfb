// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/collector.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/pace.hpp"
#include "larder/internal/routing.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace larder::internal {

namespace {

struct collector_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.collector";
#else
  const char* name = "larder.collector";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  caf::actor reader;
  std::vector<caf::actor> key_actors;

  /// Expired keys of a page, and the first that nobody has been asked to erase.
  std::vector<value> keys;
  size_t next_key = 0;

  /// Key actors that have not answered, since when, and about how many keys.
  size_t under_way = 0;
  std::chrono::steady_clock::time_point start;
  size_t taken = 0;
  pace speed;

  /// Expired keys found in this round.
  size_t expired = 0;

  void schedule() {
    auto interval = ctx->config().collection_interval;
    if (interval.count() > 0)
      detail::delayed_send(self, self, interval, tick{});
  }

  void scan(std::string after) {
    detail::request(self, reader, scan_expired{std::move(after)})
      .then([this](scan_expired_reply& page) { collect(page); },
            [this](const caf::error& err) { give_up(to_error(err)); });
  }

  /// The next round begins anew.
  void give_up(const error& why) {
    if (!(why == errc::closed)) {
      ctx->shared_statistics().collection_failures.add_shared();
      if (auto& log = ctx->log(); log.on())
        log.write(log_level::warning, "collection-failed",
                  log.with_error({}, why));
    }
    expired = 0;
    schedule();
  }

  void collect(scan_expired_reply& page) {
    expired += page.keys.size();
    for (auto& x : page.garbage)
      detail::send(self, key_actors[route(x.what.id, key_actors.size())], x);
    keys = std::move(page.keys);
    next_key = 0;
    erase_some(std::move(page.next));
  }

  /// Erases the next keys of the page; when all are done, the next page's.
  void erase_some(std::string next) {
    if (next_key == keys.size())
      return go_on(next);
    auto n = std::min(speed.size(), keys.size() - next_key);
    std::vector<std::vector<value>> parts(key_actors.size());
    for (; n > 0; --n, ++next_key) {
      auto& key = keys[next_key];
      parts[route(key, parts.size())].push_back(std::move(key));
    }
    start = self->clock().now();
    taken = 0;
    for (size_t i = 0; i < parts.size(); ++i)
      if (!parts[i].empty())
        send(key_actors[i], std::move(parts[i]), next);
  }

  void send(const caf::actor& to, std::vector<value> part,
            const std::string& next) {
    ++under_way;
    taken += part.size();
    auto done = [this, next] {
      if (--under_way > 0)
        return;
      speed.took(taken, self->clock().now() - start);
      erase_some(next);
    };
    auto items = std::make_shared<const std::vector<value>>(std::move(part));
    detail::request(self, to, collect_expired{std::move(items)})
      .then([done](const collect_expired_reply&) { done(); },
            [done](const caf::error&) { done(); });
  }

  void go_on(const std::string& next) {
    if (!next.empty())
      return scan(next);
    ctx->shared_statistics().collection_rounds.add_shared();
    auto found = std::exchange(expired, 0);
    if (auto& log = ctx->log(); log.on())
      log.write(found > 0 ? log_level::info : log_level::debug, "collected",
                {{"expired", found}});
    schedule();
  }
};

caf::behavior collector(caf::stateful_actor<collector_state>* self,
                        context_ptr ctx, caf::actor reader,
                        std::vector<caf::actor> key_actors) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.reader = std::move(reader);
  st.key_actors = std::move(key_actors);
  st.schedule();
  return {
    [&st](tick) { st.scan({}); },
  };
}

} // namespace

caf::actor spawn_collector(caf::actor_system& sys, context_ptr ctx,
                           caf::actor reader,
                           std::vector<caf::actor> key_actors) {
  return sys.spawn(collector, std::move(ctx), std::move(reader),
                   std::move(key_actors));
}

} // namespace larder::internal
