// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What stands for a store of another process.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/detail/caf_net.hpp"
#include "larder/internal/protocol.hpp"
#include "larder/remote.hpp"

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <unordered_map>

namespace larder::internal {

/// A request under way. It is answered exactly once, also when it is dropped:
/// CAF 0.17 says nothing to those who wait for a promise that is gone.
class remote_call {
public:
  /// Delivers the reply in a message, or the reason why it cannot be read.
  using deliver_fn = void (*)(caf::response_promise&, const wire_message&);

  remote_call(caf::response_promise promise, deliver_fn deliver, size_t size);

  remote_call(remote_call&&) noexcept = default;

  remote_call& operator=(remote_call&&) = delete;

  ~remote_call();

  void answer(const wire_message& msg);

  void fail(const error& err);

  size_t size() const noexcept {
    return size_;
  }

private:
  caf::response_promise promise_;
  deliver_fn deliver_;
  size_t size_;
};

/// Takes requests as a store does and carries them to a gate. It alternates
/// between phases: connecting to the peer (CAF's middleman does it), greeting
/// the gate, up, and pausing after something went wrong. Only when it is up are
/// there requests under way.
class connection final : public caf::event_based_actor {
public:
  /// Gets the outcome of the first attempt to connect.
  using first_outcome = std::shared_ptr<std::promise<expected<void>>>;

  /// @param network whom to ask for a connection
  connection(caf::actor_config& cfg, connect_options options,
             caf::io::middleman_actor network, first_outcome outcome);

  caf::behavior make_behavior() override;

  const char* name() const override {
    return "larder.connection";
  }

  void on_exit() override;

private:
  enum class phase : uint8_t { connecting, greeting, up, pausing, ended };

  // -- phases -----------------------------------------------------------------

  void connect();
  void greet(const caf::strong_actor_ptr& peer);
  void greeted(const wire_message& msg);
  void peer_ended(const caf::actor_addr& peer);
  void lost(const error& why);
  void end(const error& why);
  void fail_all(const error& why);
  template <class F>
  void after(std::chrono::milliseconds delay, F f);

  // -- requests and answers ---------------------------------------------------

  template <class Request>
  caf::delegated<typename Request::reply_type> forward(const Request& request);
  template <class Request>
  expected<void> start(const Request& request,
                       const caf::response_promise& promise);
  void take(const wire_message& msg);

  connect_options options_;
  caf::io::middleman_actor network_;
  first_outcome outcome_;
  phase phase_ = phase::connecting;
  /// Counts attempts to connect, so that what belongs to an earlier one is
  /// known as such.
  uint64_t attempt_ = 0;
  std::chrono::milliseconds pause_;
  caf::actor gate_;
  caf::actor_addr watched_;
  size_t max_message_size_ = 0;
  std::unordered_map<uint64_t, remote_call> pending_;
  size_t pending_bytes_ = 0;
  uint64_t last_id_ = 0;
};

} // namespace larder::internal
