// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/transaction.hpp"

#include "larder/internal/requests.hpp"
#include "larder/internal/routing.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace larder::internal {

namespace {

// -- what conditions and operations need --------------------------------------

knowledge needs_of(const transact_condition& x) {
  using kind = transact_condition::kind;
  auto content = x.type == kind::equals
                 || (x.type != kind::revision && !x.steps.empty());
  return content ? knowledge::content : knowledge::existence;
}

knowledge needs_of(const transact_operation& x) {
  return std::visit(
    []<class Operation>(const Operation& op) {
      return traits<Operation>::needs(op);
    },
    x);
}

const value& key_of(const transact_condition& x) {
  return x.key;
}

const value& key_of(const transact_operation& x) {
  return std::visit([](auto& op) -> const value& { return op.key; }, x);
}

size_t cost_of(const transact_condition& x) {
  return sizeof(x) + x.content.footprint();
}

size_t cost_of(const transact_operation& x) {
  return sizeof(x)
         + std::visit([](auto& op) { return internal::cost_of(op); }, x);
}

/// Collects the keys of a request, each once.
class key_collector {
public:
  void add(const auto& xs) {
    for (auto& x : xs) {
      auto& key = key_of(x);
      auto [i, is_new] = known_.try_emplace(key, keys.size());
      if (is_new)
        keys.emplace_back().key = key;
      auto& found = keys[i->second];
      found.needs = std::max(found.needs, needs_of(x));
      found.cost += cost_of(x);
      places.push_back(i->second);
    }
  }

  std::vector<transaction_key> keys;
  std::vector<size_t> places;

private:
  std::unordered_map<value, size_t> known_;
};

/// Moves keys of the same owner together, and `places` with them.
void sort_by_owner(std::vector<transaction_key>& keys,
                   std::vector<size_t>& places) {
  auto by_owner = [](auto& x, auto& y) { return x.owner < y.owner; };
  if (std::is_sorted(keys.begin(), keys.end(), by_owner))
    return;
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) {
    return by_owner(keys[i], keys[j]);
  });
  std::vector<transaction_key> sorted;
  std::vector<size_t> moved_to(keys.size());
  for (auto i : order) {
    moved_to[i] = sorted.size();
    sorted.push_back(std::move(keys[i]));
  }
  keys = std::move(sorted);
  for (auto& x : places)
    x = moved_to[x];
}

std::string position(std::string_view what, size_t i, const value& key) {
  return std::string{what} + ' ' + std::to_string(i + 1) + " on " + to_edn(key);
}

/// Whether a condition holds. Wrong types are errors, as they are for get.
expected<bool> holds(const transact_condition& x, const entry& state,
                     int64_t now) {
  using kind = transact_condition::kind;
  switch (x.type) {
    case kind::present:
    case kind::absent: {
      auto res = apply(exists_request{x.key, x.steps}, state, now);
      if (!res)
        return fail(std::move(res.error()));
      return res->exists == (x.type == kind::present);
    }
    case kind::revision:
      return state.live(now) && state.meta.rev == x.rev;
    default: {
      auto res = apply(get_request{x.key, x.steps, std::nullopt}, state, now);
      if (!res && res.error() == errc::not_found)
        return false;
      if (!res)
        return fail(std::move(res.error()));
      return res->content == x.content;
    }
  }
}

} // namespace

// -- making one ---------------------------------------------------------------

expected<transaction_ptr> transaction::make(transact_request request,
                                            size_t key_actors,
                                            size_t max_keys) {
  key_collector collected;
  collected.add(request.conditions);
  collected.add(request.then_operations);
  collected.add(request.else_operations);
  if (auto n = collected.keys.size(); n > max_keys)
    return fail(
      errc::limit_exceeded,
      std::to_string(n) + " keys are too many for one transaction, "
        + "at most " + std::to_string(max_keys)
        + ": use several, or best effort for what need not be atomic");
  for (auto& x : collected.keys) {
    auto encoded = encode_key(x.key);
    if (!encoded)
      return fail(std::move(encoded.error()));
    x.encoded = std::move(*encoded);
    x.owner = route(x.key, key_actors);
  }
  sort_by_owner(collected.keys, collected.places);
  transaction_ptr result{new transaction{std::move(request)}};
  result->keys_ = std::move(collected.keys);
  result->places_ = std::move(collected.places);
  return result;
}

std::span<transaction_key> transaction::keys_of(size_t owner) noexcept {
  auto range
    = std::ranges::equal_range(keys_, owner, {}, &transaction_key::owner);
  return {range.begin(), range.end()};
}

// -- carrying it out ----------------------------------------------------------

expected<bool> transaction::check_conditions(int64_t now) const {
  for (size_t i = 0; i < request_.conditions.size(); ++i) {
    auto& condition = request_.conditions[i];
    auto res = holds(condition, keys_[places_[i]].before, now);
    if (!res)
      return fail(
        res.error().with_context(position("condition", i, condition.key)));
    if (!*res)
      return false;
  }
  return true;
}

expected<transact_result> transaction::run(const transact_operation& what,
                                           transaction_key& key,
                                           const apply_context& ctx) {
  return std::visit(
    [&]<class Operation>(const Operation& op) -> expected<transact_result> {
      auto changed = false;
      auto res = apply_any(op, key.after, ctx, changed);
      if (!res)
        return fail(std::move(res.error()));
      if (changed) {
        key.changed = true;
        ++key.changes;
        key.kind = traits<Operation>::change;
      }
      return transact_result{std::move(*res)};
    },
    what);
}

expected<transact_reply> transaction::evaluate(store_context& ctx,
                                               revision_source& revisions) {
  auto now = ctx.now();
  for (auto& x : keys_) {
    x.after = x.before;
    x.changed = false;
    x.changes = 0;
  }
  auto give_up = [this](error err) {
    for (auto& x : keys_)
      x.changed = false;
    return fail(std::move(err));
  };
  auto succeeded = check_conditions(now);
  if (!succeeded)
    return give_up(std::move(succeeded.error()));
  auto& branch = *succeeded ? request_.then_operations
                            : request_.else_operations;
  auto place = places_.begin()
               + static_cast<std::ptrdiff_t>(
                 request_.conditions.size()
                 + (*succeeded ? 0 : request_.then_operations.size()));
  transact_reply result;
  result.succeeded = *succeeded;
  result.results.reserve(branch.size());
  for (size_t i = 0; i < branch.size(); ++i) {
    auto& key = keys_[*place++];
    auto res = run(branch[i], key, {ctx, key.encoded, now, revisions});
    if (!res)
      return give_up(
        res.error().with_context(position("operation", i, key.key)));
    result.results.push_back(std::move(*res));
  }
  return result;
}

} // namespace larder::internal
