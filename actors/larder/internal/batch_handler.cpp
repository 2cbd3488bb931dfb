// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/batch_handler.hpp"

namespace larder::internal {

namespace {

/// A request that waits for its answer.
template <class Request>
class pending_batch : public transaction_client {
public:
  using reply_type = typename Request::reply_type;

  pending_batch(promise<reply_type> answer, actor_statistics& stats)
    : answer_(std::move(answer)),
      stats_(stats.operations[static_cast<size_t>(batch_kind<Request>)]) {
    // nop
  }

  void finish(const transact_request& what,
              expected<transact_reply> result) override {
    stats_.add(!result, age_.microseconds());
    if (!result)
      return answer_.fail(result.error());
    reply_type reply;
    to_reply(what, *result, reply);
    answer_.deliver(std::move(reply));
  }

private:
  promise<reply_type> answer_;
  actor_statistics::operation& stats_;
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
  auto& op = parts_.stats->operations[static_cast<size_t>(batch_kind<Request>)];
  run_best_effort(parts_, std::move(*what),
                  [shared, &op, ctx = parts_.ctx,
                   age = stopwatch{}](std::vector<key_outcome> outcomes) {
                    auto failed = !outcomes.empty() && outcomes.back().failure;
                    op.add(failed, age.microseconds());
                    shared->deliver({std::move(outcomes)});
                  });
}

template <class Request>
void batch_handler::start_atomic(Request req,
                                 promise<typename Request::reply_type> answer) {
  auto client = std::make_unique<pending_batch<Request>>(std::move(answer),
                                                         *parts_.stats);
  auto what = to_transaction(req);
  if (!what)
    client->finish({}, fail(std::move(what.error())));
  else
    transactions_.start(std::move(*what), std::move(client));
}

} // namespace larder::internal
