// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/sweep_actor.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/marker.hpp"
#include "larder/internal/page_limit.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/sweep_page.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace larder::internal {

namespace {

/// Values that are in memory at the same time while marking.
constexpr size_t values_at_once = 16;

struct sweep_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.sweep";
#else
  const char* name = "larder.sweep";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  uint64_t id = 0;
  caf::actor store;

  std::optional<sweep_plan> plan;
  std::optional<marker> marks;
  bool keep_given = false;

  /// Why no page may be made any more.
  std::optional<error> broken;

  /// Where the next page begins, unless there is none.
  std::string cursor;
  bool at_end = false;

  /// What is under way: one thing at a time.
  std::unique_ptr<sweep_page> page;
  std::optional<promise<mark_reply>> marking;
  std::vector<promise<end_sweep_reply>> ending; ///< who wait for the end

  /// Counts what has happened, to notice when nothing does.
  uint64_t activity = 1;
  uint64_t activity_at_tick = 0;

  bool busy() const noexcept {
    return page != nullptr || marking.has_value();
  }

  // -- beginning --------------------------------------------------------------

  caf::result<begin_sweep_reply> begin(const begin_sweep_request& req) {
    schedule_tick();
    if (!req.predicate.empty()) {
      auto found = ctx->config().functions.find(req.predicate);
      if (!found) {
        quit();
        return to_caf(found.error());
      }
      plan->predicate = *found;
    }
    plan->arguments = req.arguments;
    plan->dry_run = req.dry_run;
    cursor = req.after;
    // First the time, then the publications: one that is begun in between does
    // no harm, one that ends in between has published its pointer.
    plan->cutoff = std::min(ctx->stamp(), req.before.value_or(INT64_MAX));
    auto answer = std::make_shared<promise<begin_sweep_reply>>(self);
    auto result = answer->handle();
    detail::request(self, plan->publications, find_publications{!req.dry_run})
      .then(
        [this, answer](const find_publications_reply& found) {
          plan->lower_cutoff(found.oldest);
          ctx->shared_statistics().sweeps.add_shared();
          answer->deliver(begin_sweep_reply{id, plan->cutoff});
        },
        [this, answer](const caf::error& err) {
          answer->fail(to_error(err));
          quit();
        });
    return result;
  }

  // -- what stays -------------------------------------------------------------

  caf::result<keep_reply> keep(const keep_request& req) {
    ++activity;
    for (auto& key : req.keys)
      if (auto ok = plan->keep.add(key, 0); !ok) {
        broken = ok.error().with_context("what is to be kept is not known");
        return to_caf(ok.error());
      }
    keep_given = true;
    return keep_reply{plan->keep.size()};
  }

  caf::result<mark_reply> mark(const mark_request& req) {
    ++activity;
    if (auto ok = check_free(); !ok)
      return to_caf(ok.error());
    if (req.limit == 0)
      return to_caf(
        error{errc::invalid_argument, "the limit must be at least 1"});
    if (auto ok = marks->start(req); !ok) {
      // Nothing was begun unless a root did not fit.
      if (ok.error() == errc::limit_exceeded)
        broken = ok.error().with_context("what is alive is not known");
      return to_caf(ok.error());
    }
    keep_given = true;
    marking.emplace(self);
    auto result = marking->handle();
    mark_more(req.limit);
    return result;
  }

  /// @param left how many keys this request may still read
  void mark_more(uint64_t left) {
    auto n = static_cast<size_t>(std::min<uint64_t>(left, values_at_once));
    auto reads = marks->next_reads(n);
    if (reads.empty())
      return marked();
    left -= reads.size();
    auto items = std::make_shared<std::vector<read_request>>(std::move(reads));
    detail::request(self, plan->reader, load_batch{std::move(items)})
      .then(
        [this, left](const load_batch_reply& reply) {
          if (auto ok = marks->take(*reply.items); ok)
            mark_more(left);
          else
            mark_failed(std::move(ok.error()));
        },
        [this](const caf::error& err) { mark_failed(to_error(err)); });
  }

  void marked() {
    auto report = marks->take_report();
    ctx->shared_statistics().marked.add_shared(report.marked);
    std::exchange(marking, std::nullopt)->deliver(report);
    became_free();
  }

  void mark_failed(error why) {
    std::exchange(marking, std::nullopt)->fail(why);
    broken = why.with_context("what is alive is not known, as marking failed");
    became_free();
  }

  // -- pages ------------------------------------------------------------------

  caf::result<sweep_page_reply> make_page(const sweep_page_request& req) {
    ++activity;
    if (auto ok = check_page(req); !ok)
      return to_caf(ok.error());
    if (at_end) {
      sweep_page_reply nothing;
      nothing.cutoff = plan->cutoff;
      return nothing;
    }
    auto answer = std::make_shared<promise<sweep_page_reply>>(self);
    auto result = answer->handle();
    if (!plan->dry_run)
      answer->leave_in_doubt();
    auto done = [this, answer](expected<sweep_page_reply> reply) {
      if (reply) {
        cursor = reply->next;
        at_end = cursor.empty();
      }
      answer->deliver(std::move(reply));
      page.reset();
      became_free();
    };
    page = std::make_unique<sweep_page>(*plan, std::move(done));
    page->start(cursor, page_limit(req.limit));
    return result;
  }

  expected<void> check_page(const sweep_page_request& req) const {
    if (auto ok = check_free(); !ok)
      return ok;
    if (req.limit == 0)
      return fail(errc::invalid_argument, "the limit must be at least 1");
    if (!keep_given && plan->predicate == nullptr)
      return fail(errc::invalid_argument,
                  "the sweep has no keys to keep and no predicate: to delete "
                  "everything, keep an empty list of keys");
    if (marks->pending() > 0)
      return fail(errc::invalid_argument,
                  std::to_string(marks->pending())
                    + " keys are pending to be marked: finish that first");
    return {};
  }

  expected<void> check_free() const {
    if (broken)
      return fail(*broken);
    if (busy() || !ending.empty())
      return fail(errc::invalid_argument,
                  "the sweep has not answered the request before: send them "
                  "one after the other");
    return {};
  }

  // -- ending -----------------------------------------------------------------

  caf::result<end_sweep_reply> end() {
    auto result = ending.emplace_back(self).handle();
    if (!busy())
      became_free();
    return result;
  }

  void became_free() {
    ++activity;
    if (ending.empty())
      return;
    for (auto& x : ending)
      x.deliver(end_sweep_reply{});
    ending.clear();
    quit();
  }

  void quit() {
    detail::send(self, store, sweep_ended{id});
    self->quit();
  }

  void schedule_tick() {
    detail::delayed_send(self, self, ctx->config().sweep_timeout, tick{});
  }

  void check_idle() {
    if (!busy() && activity == activity_at_tick)
      return quit();
    activity_at_tick = activity;
    schedule_tick();
  }
};

caf::behavior sweep(caf::stateful_actor<sweep_state>* self, context_ptr ctx,
                    uint64_t id, sweep_helpers helpers) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = ctx;
  st.id = id;
  st.store = std::move(helpers.store);
  auto& plan = st.plan.emplace(self, ctx);
  plan.reader = std::move(helpers.reader);
  plan.publications = std::move(helpers.publications);
  plan.key_actors = std::move(helpers.key_actors);
  st.marks.emplace(ctx, plan.keep);
  return {
    [&st](const begin_sweep_request& req) { return st.begin(req); },
    [&st](const keep_request& req) { return st.keep(req); },
    [&st](const mark_request& req) { return st.mark(req); },
    [&st](const sweep_page_request& req) { return st.make_page(req); },
    [&st](const end_sweep_request&) { return st.end(); },
    [](const post& msg) { msg.run(); },
    [&st](tick) { st.check_idle(); },
  };
}

} // namespace

caf::actor spawn_sweep(caf::actor_system& sys, context_ptr ctx, uint64_t id,
                       sweep_helpers helpers) {
  return sys.spawn(sweep, std::move(ctx), id, std::move(helpers));
}

} // namespace larder::internal
