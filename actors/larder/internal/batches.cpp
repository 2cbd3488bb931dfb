// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/batches.hpp"

#include "larder/text.hpp"

#include <utility>

namespace larder::internal {

namespace {

const value& key_of(const transact_operation& x) {
  return std::visit([](auto& op) -> const value& { return op.key; }, x);
}

std::vector<key_outcome> outcomes_of(const transact_request& what,
                                     const transact_reply& result) {
  std::vector<key_outcome> outcomes;
  outcomes.reserve(result.results.size());
  for (size_t i = 0; i < result.results.size(); ++i)
    outcomes.push_back(
      make_outcome(what.then_operations[i], result.results[i]));
  return outcomes;
}

} // namespace

// -- requests -----------------------------------------------------------------

expected<transact_request> to_transaction(multi_get_request& req) {
  transact_request result;
  result.then_operations.reserve(req.keys.size());
  // What has the fallback's missing revision is missing.
  for (auto& key : req.keys)
    result.then_operations.emplace_back(
      get_request{std::move(key), {}, value{}});
  return result;
}

expected<transact_request> to_transaction(multi_put_request& req) {
  transact_request result;
  result.then_operations.reserve(req.entries.size());
  for (auto& x : req.entries) {
    if (!x.extras.is_nil() && !req.extras.is_nil())
      return fail(errc::invalid_argument,
                  "give metadata for all keys or for each, not for both: "
                    + to_edn(x.key));
    put_request put;
    put.key = std::move(x.key);
    put.content = std::move(x.content);
    put.extras = x.extras.is_nil() ? req.extras : std::move(x.extras);
    put.ttl = req.ttl;
    result.then_operations.emplace_back(std::move(put));
  }
  return result;
}

expected<transact_request> to_transaction(multi_erase_request& req) {
  transact_request result;
  result.then_operations.reserve(req.keys.size());
  for (auto& key : req.keys)
    result.then_operations.emplace_back(erase_request{std::move(key), {}, {}});
  return result;
}

expected<transact_request> to_transaction(transact_request& req) {
  return std::move(req);
}

// -- replies ------------------------------------------------------------------

void to_reply(const transact_request& what, transact_reply& result,
              multi_get_reply& reply) {
  for (size_t i = 0; i < result.results.size(); ++i) {
    auto& found = std::get<get_reply>(result.results[i]);
    if (found.rev.valid())
      reply.found.push_back(
        {key_of(what.then_operations[i]), std::move(found.content), found.rev});
  }
}

void to_reply(const transact_request& what, transact_reply& result,
              multi_put_reply& reply) {
  reply.outcomes = outcomes_of(what, result);
}

void to_reply(const transact_request& what, transact_reply& result,
              multi_erase_reply& reply) {
  reply.outcomes = outcomes_of(what, result);
}

void to_reply(const transact_request&, transact_reply& result,
              transact_reply& reply) {
  reply = std::move(result);
}

key_outcome make_outcome(const transact_operation& what,
                         const transact_result& result) {
  key_outcome outcome;
  outcome.key = key_of(what);
  if (auto put = std::get_if<put_reply>(&result))
    outcome.rev = put->rev;
  else if (auto erased = std::get_if<erase_reply>(&result))
    outcome.existed = erased->existed;
  return outcome;
}

key_outcome make_outcome(const transact_operation& what, error why) {
  key_outcome outcome;
  outcome.key = key_of(what);
  outcome.failure = std::move(why);
  return outcome;
}

} // namespace larder::internal
