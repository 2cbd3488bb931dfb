// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What stands between a store and its remote clients.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/detail/caf_net.hpp"
#include "larder/internal/protocol.hpp"
#include "larder/logging.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

namespace larder::internal {

/// Bounds of a gate.
struct gate_limits {
  size_t max_pending;       ///< requests under way
  size_t max_pending_bytes; ///< what they take up
  size_t max_message_size;  ///< a request or reply, encoded
};

/// The actor that is published. It lets in wire messages and what comes from
/// its own process; everything else is refused before it reaches the mailbox.
/// Answers are its own messages: no peer learns the handle of another actor.
class gate final : public detail::choosy_actor {
public:
  gate(caf::actor_config& cfg, caf::actor store, gate_limits limits,
       std::shared_ptr<log_sink> log);

  caf::behavior make_behavior() override;

  const char* name() const override {
    return "larder.gate";
  }

  void on_exit() override;

  /// Fails what is under way and ends the gate `hdl`, from any thread. The
  /// message for it cannot be read from the network, hence not be imitated.
  static void end(const caf::actor& hdl);

protected:
  bool accepts(const caf::mailbox_element& what) const override;

  caf::error refusal() const override;

private:
  /// A request under way.
  struct entry {
    caf::actor client;
    uint64_t id;
    uint16_t kind;
    size_t size;
  };

  void take(const wire_message& msg, const caf::actor& client);
  void greet(const wire_message& msg, const caf::actor& client);
  void log_client(const caf::actor& client);
  template <class Request>
  void forward(const wire_message& msg, const caf::actor& client);
  template <class Reply>
  void succeed(uint64_t ticket, const Reply& reply);
  void fail(uint64_t ticket, const error& err);
  void fail_all(const error& err);
  entry remove(uint64_t ticket);
  void note(const caf::actor& client, const watch_reply& reply);

  caf::actor store_;
  gate_limits limits_;
  std::shared_ptr<log_sink> log_;
  std::set<caf::actor_addr> clients_; ///< that the log knows of
  std::unordered_map<uint64_t, entry> pending_;
  /// What each client watches that is connected.
  std::map<caf::actor_addr, std::vector<uint64_t>> watches_;
  size_t pending_bytes_ = 0;
  uint64_t last_ticket_ = 0;
};

} // namespace larder::internal
