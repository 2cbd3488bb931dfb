// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Stores in other processes.

#pragma once

#include "larder/actor_types.hpp"

#include <chrono>
#include <cstdint>
#include <string>

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
};

/// Loads CAF's network modules, with OpenSSL unless plain text is asked for. To
/// be called after `add_actor_types` and before the `caf::actor_system` is
/// made; all connections of an actor system are secured the same way.
/// @returns `invalid_argument` for incomplete or unreadable certificates, or
///          for neither certificates nor plain text
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

  /// Requests under way at the same time over all connections; more are
  /// `overloaded`.
  size_t max_pending = 65'536;
};

/// A published store.
struct served_store {
  uint16_t port = 0;
  /// The gate that is published; an exit message ends the service, not the
  /// store.
  caf::actor gate;
};

/// Publishes a gate in front of `store`: it takes the store's requests and
/// nothing else, so that no peer can end the store or reach its inside.
/// @returns `invalid_argument`, `unavailable` if the port is taken
expected<served_store> serve(caf::actor_system& sys, caf::actor store,
                             const serve_options& options);

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

  /// Reads `caf://host:port?certificate=F&key=F&ca=F` or `?plain-text=yes`.
  static expected<connect_options> parse(std::string_view uri);
};

/// Connects to a served store. The returned actor is used like a store of this
/// process; while the other side is down it answers `unavailable` at once,
/// fails what was under way the same way, and connects again by itself.
/// @returns `unavailable` if the first connection fails
expected<caf::actor> connect(caf::actor_system& sys,
                             const connect_options& options);

} // namespace larder
