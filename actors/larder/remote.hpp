// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Stores in other processes: `serve` publishes one, `connect` gives an actor
/// that stands for it elsewhere. docs/remote.md says how to make certificates,
/// and what is protected.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/logging.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace larder {

/// How connections are secured: with certificates on both sides, or not at all
/// when that is asked for by name.
struct transport_security {
  /// PEM files of this side's certificate chain and key, and of the authorities
  /// whose certificates the other side may have.
  std::string certificate;
  std::string key;
  std::string ca;

  /// No encryption, no authentication.
  bool plain_text = false;

  friend bool operator==(const transport_security&, const transport_security&)
    = default;
};

/// Loads CAF's network modules, with OpenSSL unless plain text is asked for. To
/// be called after `add_actor_types` and before the `caf::actor_system` is
/// made; all connections of an actor system are secured the same way. Peers
/// that are silent for 5 seconds count as gone (they beat once a second).
/// @returns `invalid_argument` for certificates that are incomplete, unreadable
///          or do not fit their key, and unless there are either certificates
///          or plain text
expected<void> configure_network(caf::actor_system_config& cfg,
                                 const transport_security& security);

/// Options of `serve`.
struct serve_options {
  /// 0: any free port.
  uint16_t port = 0;

  std::string bind_address = "127.0.0.1";

  transport_security security;

  /// Plain text on an address that is not loopback is refused unless forced.
  bool force_plain_text = false;

  /// Requests under way at the same time over all connections, and the bytes
  /// that they may take up; over it the answer is `overloaded`.
  size_t max_pending = 65'536;
  size_t max_pending_bytes = size_t{256} << 20;

  /// Largest request or reply, encoded, in bytes; `limit_exceeded` over it. A
  /// message must cross the network within 5 seconds, as nothing else does
  /// meanwhile, heartbeats included.
  size_t max_message_size = size_t{32} << 20;

  /// Where clients that come and go are told; null: nowhere.
  std::shared_ptr<log_sink> log;
};

/// A published store.
struct served_store {
  uint16_t port = 0;
  /// The actor that is published. Not even an exit message ends it, since any
  /// peer could send one: `stop_serving` does.
  caf::actor gate;
};

/// Publishes a gate in front of `store`: it takes the requests of connections
/// and nothing else, so that no peer can end the store or reach its inside.
/// `close_request` is not among them. To be called by a thread that may block.
/// @param options the security must be what `configure_network` was given
/// @returns `invalid_argument`, `unavailable` if the port is taken
expected<served_store> serve(caf::actor_system& sys, caf::actor store,
                             const serve_options& options);

/// Closes the port and ends the gate, not the store. Requests that are under
/// way fail as `unavailable`. Needed before the actor system can end; does
/// nothing the second time. To be called by a thread that may block.
void stop_serving(const served_store& served);

/// Options of `connect`.
struct connect_options {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  transport_security security;

  /// How long the first connection may take before it is `unavailable`.
  std::chrono::milliseconds timeout = std::chrono::seconds{10};

  /// Pauses between attempts to connect again: the first, doubled up to the
  /// last.
  std::chrono::milliseconds first_pause{50};
  std::chrono::milliseconds last_pause{5000};

  /// Requests under way at the same time, and the bytes that they may take up;
  /// over it the answer is `overloaded`.
  size_t max_pending = 65'536;
  size_t max_pending_bytes = size_t{256} << 20;

  /// Reads `caf://host:port?certificate=F&key=F&ca=F` or `?plain-text=yes`.
  /// @returns `invalid_argument`
  static expected<connect_options> parse(std::string_view uri);
};

/// Connects to a served store. The returned actor is used like a store of this
/// process; while the other side is down it answers `unavailable` at once,
/// fails what was under way the same way (whether a write has happened is then
/// unknown), and connects again by itself. What differs from a store:
/// `local_update_request` is `unsupported`, and `close_request` ends the
/// connection only, as an exit message does. One of the two is needed before
/// the actor system can end. To be called by a thread that may block.
/// @param options the security must be what `configure_network` was given
/// @returns `invalid_argument`, `unavailable` if the first connection fails
expected<caf::actor> connect(caf::actor_system& sys,
                             const connect_options& options);

} // namespace larder
