// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a store measures, by name: for applications that watch the stores they
/// embed. docs/metrics.md is the table of all metrics. For Prometheus see
/// metrics_collector.hpp.

#pragma once

#include "larder/value.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

enum class metric_type : uint8_t {
  counter,   ///< only goes up while the store is open
  gauge,     ///< goes up and down
  histogram, ///< how often something had which size
};

std::string_view to_string(metric_type x) noexcept;

/// What a metric is. Names follow Prometheus
/// (https://prometheus.io/docs/practices/naming/).
struct metric_description {
  std::string_view name;
  metric_type type;
  std::string_view unit;  ///< such as "seconds"; empty: a plain number
  std::string_view label; ///< what tells its samples apart; empty: it has one
  std::string_view help;
};

/// The metrics that every store has, in the order of `read_metrics`. The
/// figures of its engine come on top of them.
std::vector<metric_description> known_metrics();

/// How many events were at most as large as `upper_bound`.
struct metric_bucket {
  double upper_bound = 0;
  uint64_t cumulative_count = 0;
};

struct metric_sample {
  /// The value of the metric's label, such as "get"; empty: it has none.
  std::string label;
  /// Of a counter or gauge; of a histogram the sum of all sizes.
  double amount = 0;
  /// Of a histogram: the number of events, and by size.
  uint64_t count = 0;
  std::vector<metric_bucket> buckets;
};

/// All samples of one metric.
struct metric {
  std::string name;
  metric_type type = metric_type::counter;
  std::string label; ///< the label's name
  std::string help;
  std::vector<metric_sample> samples;
};

/// Reads the answer to `statistics_request` (messages.hpp). Metrics that the
/// store does not know, being of another version, are missing; a labelled
/// counter that has not begun to count is 0.
std::vector<metric> read_metrics(const value& statistics);

/// Estimates the size that a part of the events of a histogram stayed below.
/// @param q from 0 to 1, such as 0.99
/// @param before what `now` was at an earlier time, to look at the events
/// since;
///               may be empty
/// @returns the upper bound of a bucket; infinity for what is larger than all
///          bounds, 0 if there were no events
double quantile(const metric_sample& now, double q,
                const metric_sample& before = {});

} // namespace larder
