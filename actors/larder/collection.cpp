// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/collection.hpp"

#include "larder/internal/batch.hpp"

#include <algorithm>
#include <utility>

namespace larder {

// -- sweeps -------------------------------------------------------------------

namespace {

class sweeper {
public:
  sweeper(blocking_client& client, const sweep_options& options,
          const sweep_observer& observer)
    : client_(client), options_(options), observer_(observer) {
    // nop
  }

  ~sweeper() {
    // An idle sweep would be forgotten sooner or later, too.
    if (id_ != 0)
      static_cast<void>(client_.call(end_sweep_request{id_}));
  }

  expected<sweep_summary> run() {
    for (auto step : {&sweeper::begin, &sweeper::keep, &sweeper::mark,
                      &sweeper::make_pages})
      if (auto ok = (this->*step)(); !ok)
        return fail(std::move(ok.error()));
    return std::move(summary_);
  }

private:
  expected<void> begin() {
    begin_sweep_request req;
    req.before = options_.before;
    req.predicate = options_.predicate;
    req.arguments = options_.arguments;
    req.dry_run = options_.dry_run;
    req.after = options_.after;
    summary_.next = options_.after;
    auto begun = client_.call(std::move(req));
    if (!begun)
      return fail(std::move(begun.error()));
    id_ = begun->sweep;
    summary_.cutoff = begun->cutoff;
    return {};
  }

  expected<void> keep() {
    while (options_.keep) {
      auto keys = options_.keep();
      if (!keys)
        return fail(std::move(keys.error()));
      auto last = keys->empty();
      auto kept = client_.call(keep_request{id_, std::move(*keys)});
      if (!kept)
        return fail(std::move(kept.error()));
      if (last)
        break;
    }
    return {};
  }

  expected<void> mark() {
    if (options_.references.empty())
      return {};
    mark_request req{id_, options_.roots, options_.references,
                     options_.reference_arguments, options_.page_size};
    for (;;) {
      auto reply = client_.call(req);
      if (!reply)
        return fail(std::move(reply.error()));
      summary_.marked += reply->marked;
      summary_.missing += reply->missing;
      if (reply->pending == 0)
        return {};
      if (!go_on({}))
        return {};
      req.roots.clear();
    }
  }

  expected<void> make_pages() {
    while (!stopped_) {
      auto page = client_.call(sweep_page_request{id_, options_.page_size});
      if (!page)
        return fail(std::move(page.error()));
      summary_.examined += page->examined;
      summary_.deleted += page->deleted.size();
      summary_.kept += page->kept;
      summary_.young += page->young;
      summary_.undecided += page->undecided.size();
      summary_.cutoff = page->cutoff;
      summary_.next = page->next;
      if (!go_on(*page) || page->next.empty())
        break;
    }
    return {};
  }

  bool go_on(const sweep_page_reply& page) {
    stopped_ = observer_ && !observer_(page, summary_);
    return !stopped_;
  }

  blocking_client& client_;
  const sweep_options& options_;
  const sweep_observer& observer_;
  uint64_t id_ = 0;
  bool stopped_ = false;
  sweep_summary summary_;
};

} // namespace

key_source make_key_source(std::vector<value> keys) {
  constexpr size_t at_once = 1000;
  return [keys = std::move(keys),
          next = size_t{0}]() mutable -> expected<std::vector<value>> {
    auto first = keys.begin() + static_cast<std::ptrdiff_t>(next);
    next = std::min(next + at_once, keys.size());
    return std::vector<value>{first,
                              keys.begin() + static_cast<std::ptrdiff_t>(next)};
  };
}

expected<sweep_summary> sweep(blocking_client& client,
                              const sweep_options& options,
                              const sweep_observer& observer) {
  return sweeper{client, options, observer}.run();
}

// -- publications -------------------------------------------------------------

namespace {

struct renewer_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.renewer";
#else
  const char* name = "larder.renewer";
#endif
};

/// Renews a lease well before it runs out, until it is told to end.
caf::behavior renewer(caf::stateful_actor<renewer_state>* self,
                      caf::actor store, renew_publication_request request,
                      std::shared_ptr<std::atomic<bool>> lost) {
  auto pause = std::max(request.lease / 3, std::chrono::milliseconds{1});
  detail::delayed_send(self, self, pause, internal::tick{});
  return {
    [=](internal::tick) {
      detail::delayed_send(self, self, pause, internal::tick{});
      detail::request(self, store, request)
        .then([](const renew_publication_reply&) {},
              [lost](const caf::error& err) {
                // Other errors may pass before the lease does.
                if (to_error(err) == errc::not_found)
                  *lost = true;
              });
    },
  };
}

} // namespace

publication::publication(std::unique_ptr<blocking_client> client,
                         caf::actor renewer,
                         const begin_publication_reply& reply,
                         std::shared_ptr<std::atomic<bool>> lost)
  : client_(std::move(client)),
    renewer_(std::move(renewer)),
    id_(reply.publication),
    stamp_(reply.stamp),
    lost_(std::move(lost)) {
  // nop
}

publication::publication(publication&&) noexcept = default;

publication::~publication() {
  if (client_)
    static_cast<void>(end());
}

expected<publication> publication::begin(caf::actor_system& sys,
                                         caf::actor store,
                                         std::chrono::milliseconds lease) {
  auto client = std::make_unique<blocking_client>(sys, store);
  auto reply = client->call(begin_publication_request{lease});
  if (!reply)
    return fail(std::move(reply.error()));
  auto lost = std::make_shared<std::atomic<bool>>(false);
  auto hdl = sys.spawn(renewer, std::move(store),
                       renew_publication_request{reply->publication, lease},
                       lost);
  return publication{std::move(client), std::move(hdl), *reply,
                     std::move(lost)};
}

expected<void> publication::end() {
  if (!client_)
    return fail(errc::not_found, "the publication has ended");
  detail::anon_send_exit(std::exchange(renewer_, nullptr),
                         caf::exit_reason::user_shutdown);
  auto reply = client_->call(end_publication_request{id_});
  client_.reset();
  if (!reply)
    return fail(std::move(reply.error()));
  return {};
}

} // namespace larder
