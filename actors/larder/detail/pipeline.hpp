// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Keeps several requests under way at the same time.

#pragma once

#include "larder/blocking_client.hpp"
#include "larder/detail/patience.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <utility>

namespace larder::detail {

/// Sends requests and hands their replies on in the order of the requests, each
/// with the mark it was sent with. Bounded by the number of requests and by
/// their weight (bytes, or whatever the caller counts). A request that comes
/// back as `overloaded` is sent again for a while.
/// @tparam Client what has `call` and `async` of a `blocking_client`
template <class Request, class Mark, class Client = blocking_client>
class pipeline {
public:
  using reply_type = expected<typename Request::reply_type>;

  using handler = std::function<void(const Mark&, reply_type)>;

  pipeline(Client& client, handler f, size_t max_weight = size_t{32} << 20)
    : client_(client), handle_(std::move(f)), max_weight_(max_weight) {
    // nop
  }

  /// Sends a request; waits for earlier ones if too much is under way.
  void send(Mark mark, Request request, size_t weight = 0) {
    while (
      !pending_.empty()
      && (pending_.size() >= max_pending || weight_ + weight > max_weight_))
      receive();
    weight_ += weight;
    auto reply = client_.async(request);
    pending_.push_back(
      {std::move(mark), weight, std::move(request), std::move(reply)});
  }

  /// Waits for everything under way.
  void finish() {
    while (!pending_.empty())
      receive();
  }

private:
  static constexpr size_t max_pending = 256;

  struct item {
    Mark mark;
    size_t weight;
    Request request;
    std::future<reply_type> reply;
  };

  void receive() {
    auto x = std::move(pending_.front());
    pending_.pop_front();
    weight_ -= x.weight;
    auto reply = x.reply.get();
    if (!reply && reply.error() == errc::overloaded)
      reply = patiently([&] { return client_.call(x.request); });
    handle_(x.mark, std::move(reply));
  }

  Client& client_;
  handler handle_;
  size_t max_weight_;
  std::deque<item> pending_;
  size_t weight_ = 0;
};

} // namespace larder::detail
