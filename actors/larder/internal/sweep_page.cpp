// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/sweep_page.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/call_function.hpp"
#include "larder/internal/routing.hpp"
#include "larder/key.hpp"

#include <algorithm>
#include <utility>

namespace larder::internal {

namespace {

/// Values that are in memory at the same time for the predicate.
constexpr size_t values_at_once = 16;

/// How often an erase is tried again that found too much under way, and after
/// what pause.
constexpr int max_attempts = 1000;
constexpr auto pause = std::chrono::milliseconds{10};

} // namespace

void sweep_plan::lower_cutoff(std::optional<int64_t> oldest_publication) {
  // The wall clock, not the stamps of this store alone: a process that was
  // started after the clock has stepped back writes with the clock as it is.
  auto latest = std::min(ctx->stamp(), ctx->now());
  latest = std::min(latest, oldest_publication.value_or(latest));
  cutoff = std::min(cutoff, latest - ctx->clock_allowance());
}

sweep_page::sweep_page(sweep_plan& plan, done_fn done)
  : plan_(plan), done_(std::move(done)) {
  // nop
}

// -- listing ------------------------------------------------------------------

void sweep_page::start(std::string after, uint64_t limit) {
  list_keys_request req;
  req.after = std::move(after);
  req.limit = limit;
  req.with_metadata = true;
  auto failed = [this](const caf::error& err) { finish(to_error(err)); };
  detail::request(plan_.self, plan_.reader, std::move(req))
    .then([this](list_keys_reply& reply) { listed(reply); }, failed);
}

/// Asks for publications now: one that wrote a key of this page was open before
/// the page was listed.
void sweep_page::listed(list_keys_reply& reply) {
  entries_ = std::move(reply.entries);
  reply_.next = std::move(reply.next);
  auto failed = [this](const caf::error& err) { finish(to_error(err)); };
  detail::request(plan_.self, plan_.publications,
                  find_publications{!plan_.dry_run})
    .then(
      [this](const find_publications_reply& found) {
        plan_.lower_cutoff(found.oldest);
        for (auto& x : std::exchange(entries_, {}))
          judge(x);
        ask_predicate();
      },
      failed);
}

void sweep_page::judge(key_entry& item) {
  ++reply_.examined;
  auto encoded = encode_key(item.key);
  if (!item.damage.empty() || !item.meta || !encoded) {
    auto why = item.damage.empty() ? "the metadata cannot be read"
                                   : item.damage;
    reply_.undecided.push_back(
      {std::move(item.key), error{errc::corruption, std::move(why)}});
  } else if (plan_.keep.contains(*encoded)) {
    ++reply_.kept;
  } else if (item.meta->last_write >= plan_.cutoff) {
    ++reply_.young;
  } else {
    candidate x;
    x.key = std::move(item.key);
    x.encoded = std::move(*encoded);
    x.meta = std::move(*item.meta);
    x.doomed = plan_.predicate == nullptr;
    candidates_.push_back(std::move(x));
  }
}

// -- the predicate ------------------------------------------------------------

/// Goes on until values must be read, or all candidates have been judged.
void sweep_page::ask_predicate() {
  if (plan_.predicate == nullptr)
    return erase();
  auto indexes = next_to_read();
  if (indexes.empty())
    return erase();
  read_for_predicate(std::move(indexes));
}

/// Decides over what needs no value.
/// @returns candidates whose values must be read
std::vector<size_t> sweep_page::next_to_read() {
  std::vector<size_t> result;
  for (; judged_ < candidates_.size() && result.size() < values_at_once;
       ++judged_) {
    auto& x = candidates_[judged_];
    if (x.meta.type == content_type::edn)
      result.push_back(judged_);
    else
      decide(x, value::tagged("larder/metadata", x.meta.to_value()));
  }
  return result;
}

void sweep_page::read_for_predicate(std::vector<size_t> indexes) {
  auto items = std::make_shared<std::vector<read_request>>();
  for (auto i : indexes) {
    auto& x = candidates_[i];
    items->push_back({x.encoded, blob_part::all, 0, 0, x.meta.rev});
  }
  detail::request(plan_.self, plan_.reader, load_batch{std::move(items)})
    .then(
      [this, indexes](const load_batch_reply& reply) {
        for (size_t i = 0; i < indexes.size(); ++i)
          decide(candidates_[indexes[i]], (*reply.items)[i]);
        ask_predicate();
      },
      [this](const caf::error& err) { finish(to_error(err)); });
}

void sweep_page::decide(candidate& x, const read_outcome& blob) {
  if (!blob && blob.error() == errc::conflict) {
    ++reply_.young; // written since it was listed
  } else if (!blob) {
    leave(x, blob.error());
  } else if (*blob) {
    auto doc = plan_.ctx->blobs().decode(x.encoded, (*blob)->data);
    if (doc)
      decide(x, doc->content);
    else
      leave(x, std::move(doc.error()));
  }
}

void sweep_page::decide(candidate& x, const value& shown) {
  auto keep = call_function(*plan_.predicate, &shown, plan_.arguments);
  if (!keep)
    leave(x, keep.error().with_context("the predicate"));
  else if (!keep->is(value::kind::boolean))
    leave(x, error{errc::wrong_type,
                   "the predicate must return true or false, not a "
                     + std::string{to_string(keep->type())}});
  else if (keep->as_boolean())
    ++reply_.kept;
  else
    x.doomed = true;
}

// -- erasing ------------------------------------------------------------------

/// Erases as many as the pace allows; when all are done, the next ones.
void sweep_page::erase() {
  start_ = plan_.self->clock().now();
  sent_ = 0;
  while (next_ < candidates_.size() && sent_ < plan_.speed.size()) {
    auto& x = candidates_[next_++];
    if (!x.doomed)
      continue;
    if (plan_.dry_run) {
      x.deleted = true;
    } else {
      ++sent_;
      erase(x);
    }
  }
  under_way_ = sent_;
  if (under_way_ == 0)
    finish();
}

void sweep_page::one_less() {
  if (--under_way_ > 0)
    return;
  plan_.speed.took(sent_, plan_.self->clock().now() - start_);
  erase();
}

/// What was judged is erased, nothing that was written since.
void sweep_page::erase(candidate& x) {
  erase_request req;
  req.key = x.key;
  req.condition.must_match = x.meta.rev;
  auto& owner = plan_.key_actors[route(x.key, plan_.key_actors.size())];
  detail::request(plan_.self, owner, std::move(req))
    .then([this, &x](const erase_reply& reply) { erased(x, reply.existed); },
          [this, &x](const caf::error& err) { not_erased(x, to_error(err)); });
}

void sweep_page::erased(candidate& x, bool existed) {
  x.deleted = existed;
  one_less();
}

void sweep_page::not_erased(candidate& x, error why) {
  if (why == errc::overloaded && ++x.attempts < max_attempts) {
    detail::delayed_send(plan_.self, plan_.self, pause,
                         post{[this, &x] { erase(x); }});
    return;
  }
  if (why == errc::precondition_failed)
    ++reply_.young; // written since it was judged
  else
    leave(x, std::move(why));
  one_less();
}

/// It stays, because nobody knows whether it may go.
void sweep_page::leave(candidate& x, error why) {
  reply_.undecided.push_back({x.key, std::move(why)});
}

// -- done ---------------------------------------------------------------------

void sweep_page::finish() {
  for (auto& x : candidates_)
    if (x.deleted)
      reply_.deleted.push_back(std::move(x.key));
  if (!plan_.dry_run)
    plan_.ctx->shared_statistics().swept.add_shared(reply_.deleted.size());
  reply_.cutoff = plan_.cutoff;
  auto done = std::move(done_);
  done(std::move(reply_));
}

void sweep_page::finish(error why) {
  auto done = std::move(done_);
  done(fail(std::move(why)));
}

} // namespace larder::internal
