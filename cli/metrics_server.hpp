// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Metrics and health of a store over HTTP.

#pragma once

#include "command.hpp"

#include "larder/actor_types.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace larder::cli {

/// Answers `/metrics` in the text format of Prometheus
/// (https://prometheus.io/docs/instrumenting/exposition_formats/) and
/// `/healthz` with 200 as long as the store and its engine answer in time, with
/// 503 otherwise. Ends with the object, which must be before the actor system.
class metrics_server {
public:
  /// @param port 0: any free port
  static result<metrics_server> start(caf::actor_system& sys,
                                      const caf::actor& store,
                                      const std::string& address,
                                      uint16_t port);

  metrics_server(metrics_server&&) noexcept;

  ~metrics_server();

  uint16_t port() const noexcept;

private:
  struct state;

  explicit metrics_server(std::unique_ptr<state> ptr);

  std::unique_ptr<state> state_;
};

} // namespace larder::cli
