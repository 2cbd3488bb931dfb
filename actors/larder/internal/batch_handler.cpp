// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/batch_handler.hpp"

#include "larder/internal/count_operation.hpp"

#include <algorithm>

namespace larder::internal {

namespace {

/// How many operations a transaction has in its larger branch.
size_t num_operations(const transact_request& what) {
  return std::max(what.then_operations.size(), what.else_operations.size());
}

/// A request that waits for its answer.
template <class Request>
class pending_batch : public transaction_client {
public:
  using reply_type = typename Request::reply_type;

  pending_batch(promise<reply_type> answer, key_actor_parts& parts)
    : answer_(std::move(answer)), ctx_(*parts.ctx), stats_(*parts.stats) {
    // nop
  }

  void finish(const transact_request& what,
              expected<transact_reply> result) override {
    count_operation(ctx_, stats_, batch_kind<Request>, !result,
                    age_.microseconds(), nullptr, num_operations(what));
    if (!result)
      return answer_.fail(result.error());
    reply_type reply;
    to_reply(what, *result, reply);
    answer_.deliver(std::move(reply));
  }

private:
  promise<reply_type> answer_;
  store_context& ctx_;
  actor_statistics& stats_;
  stopwatch age_;
};

} // namespace

batch_handler::batch_handler(key_actor_parts& parts)
  : parts_(parts),
    transactions_(parts),
    snapshots_(parts,
               [this](multi_get_request req, promise<multi_get_reply> answer) {
                 start_atomic(std::move(req), std::move(answer));
               }) {
  // nop
}

void batch_handler::start(multi_get_request req,
                          promise<multi_get_reply> answer) {
  // Others who write to the engine are only noticed by a commit.
  if (parts_.ctx->shared()
      || req.keys.size() > parts_.ctx->config().max_transaction_keys)
    start_atomic(std::move(req), std::move(answer));
  else
    snapshots_.start(std::move(req), std::move(answer));
}

void batch_handler::start(multi_put_request req,
                          promise<multi_put_reply> answer) {
  start_batch(std::move(req), std::move(answer));
}

void batch_handler::start(multi_erase_request req,
                          promise<multi_erase_reply> answer) {
  start_batch(std::move(req), std::move(answer));
}

void batch_handler::start(transact_request req,
                          promise<transact_reply> answer) {
  start_atomic(std::move(req), std::move(answer));
}

template <class Request>
void batch_handler::start_batch(Request req,
                                promise<typename Request::reply_type> answer) {
  if (req.mode == atomicity::atomic)
    return start_atomic(std::move(req), std::move(answer));
  auto what = to_transaction(req);
  if (!what)
    return answer.fail(what.error());
  auto shared = std::make_shared<decltype(answer)>(std::move(answer));
  run_best_effort(parts_, std::move(*what),
                  [shared, stats = parts_.stats, ctx = parts_.ctx,
                   age = stopwatch{}](std::vector<key_outcome> outcomes) {
                    auto failed = !outcomes.empty() && outcomes.back().failure;
                    count_operation(*ctx, *stats, batch_kind<Request>, failed,
                                    age.microseconds(), nullptr,
                                    outcomes.size());
                    shared->deliver({std::move(outcomes)});
                  });
}

template <class Request>
void batch_handler::start_atomic(Request req,
                                 promise<typename Request::reply_type> answer) {
  auto client
    = std::make_unique<pending_batch<Request>>(std::move(answer), parts_);
  auto what = to_transaction(req);
  if (!what)
    client->finish({}, fail(std::move(what.error())));
  else
    transactions_.start(std::move(*what), std::move(client));
}

} // namespace larder::internal
