// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The metrics of a store for prometheus-cpp
/// (https://github.com/jupp0r/prometheus-cpp): register a collector with the
/// `prometheus::Exposer` of the application. In the library larder::prometheus.

#pragma once

#include "larder/blocking_client.hpp"
#include "larder/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <chrono>
#include <memory>
#include <vector>

namespace larder {

/// Turns metrics into what prometheus-cpp prints.
std::vector<prometheus::MetricFamily>
to_prometheus(const std::vector<metric>& metrics);

/// Asks a store for its metrics whenever somebody collects them. `larder_up`
/// says whether it has answered; without an answer there is nothing else.
/// Must be destroyed before the actor system is. Thread-safe; not for actors,
/// as it blocks.
class metrics_collector : public prometheus::Collectable {
public:
  /// @param store a store (store.hpp) or a connection to one (remote.hpp)
  /// @param deadline how long an answer may take
  metrics_collector(caf::actor_system& sys, caf::actor store,
                    std::chrono::milliseconds deadline
                    = std::chrono::seconds{5});

  std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::unique_ptr<blocking_client> client_;
};

} // namespace larder
