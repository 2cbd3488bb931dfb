// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/transactor.hpp"

#include "larder/internal/commit.hpp"
#include "larder/internal/engine_access.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace larder::internal {

namespace {

/// How often a commit that lost against another process is tried again.
constexpr int max_attempts = 100;

/// What a key that was only read must still be.
precondition fence_of(const entry& before) {
  return before.present ? precondition::matches(before.meta.rev)
                        : precondition::absent();
}

error out_of_time(const store_config& cfg) {
  return {errc::timeout, "its keys were held for longer than "
                           + std::to_string(cfg.hold_timeout.count())
                           + " ms; nothing was changed"};
}

} // namespace

// -- holding keys -------------------------------------------------------------

/// Waits for the turn of a transaction on one key.
class transactor::hold_operation : public operation {
public:
  hold_operation(transactor& owner, hold& whose, transaction_key& key)
    : owner_(owner), whose_(whose), key_(key) {
    // nop
  }

  const value& key() const noexcept override {
    return key_.key;
  }

  knowledge needs() const noexcept override {
    return key_.needs;
  }

  size_t cost() const noexcept override {
    return sizeof(*this) + key_.cost;
  }

  bool holds() const noexcept override {
    return true;
  }

  change_kind kind() const noexcept override {
    return key_.kind;
  }

  bool apply(entry&, const apply_context&) override {
    return false;
  }

  void answer() override {
    // nop: the transaction is answered as a whole
  }

  void fail(const error& err) override {
    if (!whose_.failure)
      whose_.failure = err;
    owner_.arrived(whose_);
  }

  /// Takes the key, whose turn has come. Not used afterwards.
  void take(const entry& state) {
    if (whose_.let_go) {
      auto& owner = owner_;
      auto& whose = whose_;
      owner.parts_.keys->release_unchanged(key_.key);
      owner.arrived(whose);
      return;
    }
    key_.before = state;
    key_.held = true;
    owner_.arrived(whose_);
  }

private:
  transactor& owner_;
  hold& whose_;
  transaction_key& key_;
};

transactor::~transactor() {
  error in_doubt{errc::unavailable,
                 "the store ended during a commit: the changes may or may not "
                 "have been made"};
  // Other key actors may outlive this one: unless a transaction is given up
  // first, they carry it out.
  for (auto& [what, client] : clients_)
    if (!what->revoke() && what->committing())
      client->finish(what->request(), fail(in_doubt));
}

void transactor::start(transact_request request,
                       std::unique_ptr<transaction_client> client) {
  auto& cfg = parts_.ctx->config();
  auto what = transaction::make(std::move(request), parts_.peers.size(),
                                cfg.max_transaction_keys);
  if (!what)
    client->finish({}, fail(std::move(what.error())));
  else
    begin(std::move(*what), std::move(client));
}

void transactor::begin(transaction_ptr what,
                       std::unique_ptr<transaction_client> client) {
  what->home = parts_.index;
  clients_.emplace(what, std::move(client));
  auto keys = what->keys();
  if (keys.empty())
    decide(what);
  else
    pass_to(keys.front().owner, what);
}

void transactor::pass_to(size_t owner, const transaction_ptr& what) {
  if (owner == parts_.index)
    join(what);
  else {
    // Who commits reports changes of the keys that are held here.
    parts_.reporter->flush();
    detail::send(parts_.self, parts_.peers[owner], join_transaction{what});
  }
}

void transactor::join(const transaction_ptr& what) {
  auto keys = what->keys_of(parts_.index);
  auto& ptr = holds_[what.get()];
  ptr = std::make_unique<hold>();
  auto& x = *ptr;
  x.what = what;
  x.keys = keys;
  x.waiting = keys.size();
  for (auto& key : keys)
    parts_.keys->execute(std::make_unique<hold_operation>(*this, x, key));
  take_held();
  if (auto i = holds_.find(what.get()); i != holds_.end()) {
    if (i->second->waiting > 0)
      parts_.stats->hold_waits.add();
    keep_time();
  }
}

void transactor::take_held() {
  while (has_work()) {
    for (auto& x : parts_.keys->take_held())
      static_cast<hold_operation*>(x.op)->take(*x.state);
    for (auto x : std::exchange(ready_, {}))
      complete(*x);
  }
}

/// One key less to wait for.
void transactor::arrived(hold& x) {
  if (x.since == clock_type::time_point{})
    x.since = parts_.self->clock().now();
  if (--x.waiting == 0)
    ready_.push_back(&x);
}

/// All keys here are held (or will not be): what comes next?
void transactor::complete(hold& x) {
  auto what = x.what;
  if (x.failure)
    return conclude(what, verdict::unchanged, fail(*x.failure));
  if (what->revoked())
    return conclude(what, verdict::unchanged,
                    fail(out_of_time(parts_.ctx->config())));
  auto all = what->keys();
  auto next = x.keys.data() + x.keys.size();
  if (next != all.data() + all.size())
    pass_to(next->owner, what);
  else
    decide(what);
}

// -- carrying it out ----------------------------------------------------------

/// Evaluates a transaction all of whose keys are held, and commits.
void transactor::decide(const transaction_ptr& what) {
  auto result
    = what->evaluate(*parts_.ctx, parts_.keys->context_of({}).revisions);
  if (!result)
    return conclude(what, verdict::unchanged, std::move(result));
  auto items = make_commit(*what);
  if (!items)
    return conclude(what, verdict::unchanged, fail(std::move(items.error())));
  if (!what->begin_commit())
    return conclude(what, verdict::unchanged,
                    fail(out_of_time(parts_.ctx->config())));
  what->result = std::move(result);
  if (items->empty())
    conclude(what, verdict::unchanged, std::move(what->result));
  else
    commit_all(what, std::move(*items));
}

/// Makes the mutations of all changed keys. If others may write to the engine,
/// keys that were only read must be as they were.
expected<std::vector<mutation>> transactor::make_commit(transaction& what) {
  auto& ctx = *parts_.ctx;
  auto keys = what.keys();
  auto changes = std::ranges::count_if(keys, &transaction_key::must_commit);
  auto fence_reads = ctx.shared() && keys.size() > 1;
  std::vector<mutation> items;
  if (changes == 0 && !fence_reads)
    return items;
  if ((changes > 1 || fence_reads) && !ctx.caps().atomic_groups)
    return fail(errc::unsupported,
                ctx.name()
                  + " cannot commit several keys as one: use best "
                    "effort, or keep what belongs together in one key");
  auto group = keys.size() > 1 ? ctx.new_group() : 0;
  for (auto& x : keys) {
    if (x.must_commit()) {
      auto ok = make_mutations(ctx, *parts_.stats, x.encoded, x.before, x.after,
                               group, items);
      if (!ok)
        return fail(ok.error().with_context(to_edn(x.key)));
    } else if (fence_reads) {
      items.push_back({x.encoded, keep{}, fence_of(x.before), group});
    }
  }
  return items;
}

void transactor::commit_all(const transaction_ptr& what,
                            std::vector<mutation> items) {
  if (parts_.ctx->in_place()) {
    auto outcomes = commit(*parts_.ctx, items, *parts_.stats);
    committed(what, outcomes);
    return;
  }
  parts_.stats->queued.add(items.size());
  auto batch = std::make_shared<std::vector<mutation>>(std::move(items));
  detail::request(parts_.self, parts_.writer, commit_batch{batch})
    .then(
      [this, what](const commit_batch_reply& reply) {
        committed(what, *reply.items);
        parts_.wake();
      },
      [this, what](const caf::error& err) {
        // The writer is gone: what became of the batch is not known.
        commit_outcome lost
          = fail(errc::io_error, "commit: " + to_error(err).message(), true);
        committed(what, std::span{&lost, 1});
        parts_.wake();
      });
}

void transactor::committed(const transaction_ptr& what,
                           std::span<commit_outcome> outcomes) {
  std::vector<log_garbage> garbage;
  for (auto& x : what->keys())
    if (x.must_commit()) {
      std::ranges::copy(garbage_of(x.after), std::back_inserter(garbage));
      x.after.committed();
      parts_.ctx->changes().add(x.key);
    }
  auto& outcome = outcome_of_group(outcomes);
  if (outcome) {
    for (auto& x : garbage)
      parts_.logs->collect({x});
    report(*what);
    return conclude(what, verdict::changed, std::move(what->result));
  }
  auto& err = outcome.error();
  if (err.data_loss())
    parts_.reporter->in_doubt();
  if (err != errc::precondition_failed && err != errc::conflict)
    return conclude(what, verdict::in_doubt,
                    fail(err.with_context("the commit of a transaction")));
  parts_.stats->conflicts.add();
  if (what->attempts + 1 < max_attempts)
    return conclude(what, verdict::again, std::move(what->result));
  conclude(what, verdict::in_doubt,
           fail(errc::conflict, "other writers won "
                                  + std::to_string(max_attempts)
                                  + " times in a row"));
}

/// Tells watchers what has changed, before anybody can change it again.
void transactor::report(transaction& what) {
  if (!parts_.reporter->active())
    return;
  auto batch = what.keys().size() > 1 ? parts_.ctx->new_group() : 0;
  for (auto& x : what.keys())
    if (x.must_commit())
      parts_.reporter->changed({x.key, x.kind, x.before, x.after, x.changes},
                               batch);
  parts_.reporter->flush();
}

// -- the end ------------------------------------------------------------------

/// Tells everybody who holds keys how it has ended.
void transactor::conclude(const transaction_ptr& what, verdict end,
                          expected<transact_reply> result) {
  what->end = end;
  what->result = std::move(result);
  auto tell = [&](size_t owner) {
    if (owner != parts_.index)
      detail::send(parts_.self, parts_.peers[owner], settle_transaction{what});
  };
  auto last = what->home;
  for (auto& x : what->keys())
    if (x.owner <= parts_.index && x.owner != what->home && x.owner != last)
      tell(last = x.owner);
  // Last of all: who has the answer must see the new states everywhere.
  tell(what->home);
  settle(what);
}

void transactor::settle(const transaction_ptr& what) {
  if (auto i = holds_.find(what.get()); i != holds_.end()) {
    auto x = std::move(i->second);
    holds_.erase(i);
    release(*x);
  }
  if (what->home == parts_.index)
    answer(what);
}

void transactor::release(hold& x) {
  for (auto& key : x.keys) {
    if (!std::exchange(key.held, false))
      continue;
    auto end = x.what->end;
    if (end == verdict::changed && key.changed)
      parts_.keys->release(key.key, std::move(key.after));
    else if (end == verdict::again
             || (end == verdict::in_doubt && key.must_commit()))
      parts_.keys->release(key.key, std::nullopt);
    else
      parts_.keys->release_unchanged(key.key);
  }
}

/// Answers the request, or begins again.
void transactor::answer(const transaction_ptr& what) {
  auto node = clients_.extract(what);
  if (node.empty())
    return;
  auto& client = node.mapped();
  if (what->end != verdict::again)
    return client->finish(what->request(), std::move(what->result));
  auto next = transaction::make(what->take_request(), parts_.peers.size(),
                                parts_.ctx->config().max_transaction_keys);
  (*next)->attempts = what->attempts + 1;
  begin(std::move(*next), std::move(client));
}

// -- holds that last for too long ---------------------------------------------

void transactor::check_holds() {
  ticking_ = false;
  auto oldest = parts_.self->clock().now() - parts_.ctx->config().hold_timeout;
  for (auto i = holds_.begin(); i != holds_.end();) {
    auto& x = *(i++)->second;
    auto overdue = x.since != clock_type::time_point{} && x.since <= oldest;
    if (overdue && !x.let_go && (x.what->revoke() || x.what->revoked()))
      let_go(x);
  }
  keep_time();
}

void transactor::let_go(hold& x) {
  parts_.stats->holds_revoked.add();
  x.let_go = true;
  for (auto& key : x.keys)
    if (std::exchange(key.held, false))
      parts_.keys->release_unchanged(key.key);
  // Unless keys are still waited for here, others will find it revoked.
  if (x.waiting == 0)
    holds_.erase(x.what.get());
}

/// Sees to it that somebody looks when the next hold is overdue.
void transactor::keep_time() {
  auto timeout = parts_.ctx->config().hold_timeout;
  if (ticking_ || holds_.empty() || timeout.count() <= 0)
    return;
  ticking_ = true;
  auto now = parts_.self->clock().now();
  auto delay = timeout;
  for (auto& [what, x] : holds_)
    // Those that are overdue have been looked at: they are being committed.
    if (auto left = x->since + timeout - now; left.count() > 0)
      delay
        = std::min(delay, std::chrono::ceil<std::chrono::milliseconds>(left));
  detail::delayed_send(parts_.self, parts_.self, delay, check_holds_now{});
}

} // namespace larder::internal
