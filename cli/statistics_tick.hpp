// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What has happened in a store between two looks at its metrics.

#pragma once

#include "larder/metrics.hpp"
#include "larder/value.hpp"

#include <string>
#include <vector>

namespace larder::cli {

/// Shows counters as rates per second, gauges as they are, and histograms as
/// what half and 99 % of the events in between stayed below. New metrics of the
/// library show up by themselves.
class statistics_tick {
public:
  /// @param seconds the time in between, more than 0
  statistics_tick(const std::vector<metric>& before,
                  const std::vector<metric>& now, double seconds);

  /// A map for programs, by the metrics' full names (then by label).
  value data() const;

  /// Everything on several lines, for a terminal.
  std::string page() const;

  /// What is not zero, on one line.
  std::string line() const;

private:
  struct figure {
    const metric* family;
    std::string label;
    double amount; ///< rate or gauge; of a histogram the rate of events
    double median;
    double almost_all;
  };

  value to_value(const figure& x) const;

  std::vector<figure> figures_;
  double seconds_;
};

} // namespace larder::cli
