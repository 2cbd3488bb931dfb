// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metrics_collector.hpp"

#include <limits>
#include <utility>

namespace larder {

namespace {

prometheus::MetricType type_of(metric_type x) {
  switch (x) {
    case metric_type::counter:
      return prometheus::MetricType::Counter;
    case metric_type::gauge:
      return prometheus::MetricType::Gauge;
    case metric_type::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram to_histogram(const metric_sample& x) {
  prometheus::ClientMetric::Histogram result;
  result.sample_count = x.count;
  result.sample_sum = x.amount;
  for (auto& bucket : x.buckets)
    result.bucket.push_back({bucket.cumulative_count, bucket.upper_bound});
  result.bucket.push_back({x.count, std::numeric_limits<double>::infinity()});
  return result;
}

prometheus::ClientMetric to_client_metric(const metric& family,
                                          const metric_sample& x) {
  prometheus::ClientMetric result;
  if (!family.label.empty())
    result.label.push_back({family.label, x.label});
  switch (family.type) {
    case metric_type::counter:
      result.counter.value = x.amount;
      break;
    case metric_type::gauge:
      result.gauge.value = x.amount;
      break;
    case metric_type::histogram:
      result.histogram = to_histogram(x);
      break;
  }
  return result;
}

metric up(bool answered) {
  return {"larder_up",
          metric_type::gauge,
          {},
          "Whether the store has answered",
          {{{}, answered ? 1.0 : 0.0, 0, {}}}};
}

client_options with_deadline(std::chrono::milliseconds deadline) {
  client_options result;
  result.deadline = deadline;
  return result;
}

} // namespace

std::vector<prometheus::MetricFamily>
to_prometheus(const std::vector<metric>& metrics) {
  std::vector<prometheus::MetricFamily> result;
  for (auto& x : metrics) {
    prometheus::MetricFamily family;
    family.name = x.name;
    family.help = x.help;
    family.type = type_of(x.type);
    for (auto& sample : x.samples)
      family.metric.push_back(to_client_metric(x, sample));
    result.push_back(std::move(family));
  }
  return result;
}

metrics_collector::metrics_collector(caf::actor_system& sys, caf::actor store,
                                     std::chrono::milliseconds deadline)
  : client_(std::make_unique<blocking_client>(sys, std::move(store),
                                              with_deadline(deadline))) {
  // nop
}

std::vector<prometheus::MetricFamily> metrics_collector::Collect() const {
  auto statistics = client_->statistics();
  auto metrics = statistics ? read_metrics(*statistics) : std::vector<metric>{};
  metrics.insert(metrics.begin(), up(statistics.has_value()));
  return to_prometheus(metrics);
}

} // namespace larder
