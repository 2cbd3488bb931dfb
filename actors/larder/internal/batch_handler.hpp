// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a key actor does with requests on several keys.

#pragma once

#include "larder/internal/batches.hpp"
#include "larder/internal/best_effort.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/snapshot.hpp"
#include "larder/internal/transactor.hpp"

#include <memory>
#include <string>
#include <utility>

namespace larder::internal {

/// Owned by a key actor, which sees to the work of its shard after each call.
class batch_handler {
public:
  /// @param parts outlives the handler
  explicit batch_handler(key_actor_parts& parts);

  template <class Request>
  caf::result<typename Request::reply_type> handle(Request& req) {
    promise<typename Request::reply_type> answer{parts_.self};
    auto result = answer.handle();
    start(std::move(req), std::move(answer));
    return result;
  }

  transactor& transactions() noexcept {
    return transactions_;
  }

  snapshot_reader& snapshots() noexcept {
    return snapshots_;
  }

  bool idle() const noexcept {
    return transactions_.idle() && snapshots_.idle();
  }

private:
  void start(multi_get_request req, promise<multi_get_reply> answer);
  void start(multi_put_request req, promise<multi_put_reply> answer);
  void start(multi_erase_request req, promise<multi_erase_reply> answer);
  void start(transact_request req, promise<transact_reply> answer);
  template <class Request>
  void start_batch(Request req, promise<typename Request::reply_type> answer);
  template <class Request>
  void start_atomic(Request req, promise<typename Request::reply_type> answer);

  key_actor_parts& parts_;
  transactor transactions_;
  snapshot_reader snapshots_;
};

} // namespace larder::internal
