// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metrics.hpp"

#include "larder/internal/metric_table.hpp"
#include "larder/path.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace larder {

using namespace internal;

std::string_view to_string(metric_type x) noexcept {
  constexpr std::string_view names[] = {"counter", "gauge", "histogram"};
  return names[static_cast<size_t>(x)];
}

std::vector<metric_description> known_metrics() {
  std::vector<metric_description> result;
  for (auto& row : metric_table())
    result.push_back(row.what);
  return result;
}

// -- reading ------------------------------------------------------------------

namespace {

/// Bounds over 2^26 (67 s in microseconds) tell nobody anything.
constexpr size_t shown_buckets = 27;

/// The answer of another process may have any form: what is not there is nil.
value look_up(const value& root, path_view steps) {
  return get_in(root, steps).value_or(value{});
}

std::vector<std::pair<std::string, value>> named_entries(const value& root,
                                                         std::string_view at) {
  std::vector<std::pair<std::string, value>> result;
  auto found = look_up(root, statistics_path(at, {}));
  if (found.is(value::kind::map))
    for (auto& [key, content] : found.entries())
      if (key.is(value::kind::keyword))
        result.emplace_back(key.as_string(), content);
  return result;
}

double as_number(const value& x) {
  switch (x.type()) {
    case value::kind::integer:
      return static_cast<double>(x.as_integer());
    case value::kind::real:
      return x.as_real();
    default:
      return 0;
  }
}

/// What is counted in integers, times are in microseconds.
double scale_of(const metric_description& what) {
  return what.unit == "seconds" ? 1e-6 : 1;
}

/// The greatest size that bucket `i` counts. A time was rounded down.
double bound_of(const metric_description& what, size_t i) {
  auto bound = std::ldexp(1.0, static_cast<int>(i));
  return what.unit == "seconds" ? bound * scale_of(what) : bound - 1;
}

metric_sample read_histogram(const metric_description& what, const value& x) {
  metric_sample result;
  auto number = [&x](std::initializer_list<value> steps) {
    return as_number(look_up(x, {steps.begin(), steps.size()}));
  };
  auto buckets = value::keyword("buckets");
  uint64_t count = 0;
  for (size_t i = 0; i < shown_buckets; ++i) {
    count += static_cast<uint64_t>(number({buckets, int64_t{1} << i}));
    result.buckets.push_back({bound_of(what, i), count});
  }
  result.count = static_cast<uint64_t>(number({value::keyword("count")}));
  result.amount = number({value::keyword("sum")}) * scale_of(what);
  return result;
}

metric_sample read_sample(const metric_description& what, const value& x) {
  if (what.type == metric_type::histogram)
    return read_histogram(what, x);
  metric_sample result;
  result.amount = as_number(x) * scale_of(what);
  return result;
}

/// The kinds of operations, those that only the store knows included.
std::vector<std::string> operations_in(const value& statistics) {
  std::vector<std::string> result;
  for (size_t i = 0; i < op_kinds; ++i)
    result.emplace_back(to_string(static_cast<op_kind>(i)));
  for (auto& [kind, figures] : named_entries(statistics, "operations"))
    if (std::find(result.begin(), result.end(), kind) == result.end())
      result.push_back(kind);
  return result;
}

metric read_metric(const metric_row& row, const value& statistics) {
  metric result{std::string{row.what.name},
                row.what.type,
                std::string{row.what.label},
                std::string{row.what.help},
                {}};
  if (row.what.label.empty()) {
    if (auto x = get_in(statistics, statistics_path(row.path, {})))
      result.samples.push_back(read_sample(row.what, *x));
    return result;
  }
  for (auto& label : operations_in(statistics)) {
    auto x = look_up(statistics, statistics_path(row.path, label));
    result.samples.push_back(read_sample(row.what, x));
    result.samples.back().label = label;
  }
  return result;
}

/// A figure of an engine, which is in no table of ours.
metric read_figure(std::string_view name, const value& x) {
  metric result;
  result.name = "larder_engine_" + std::string{name};
  std::replace(result.name.begin(), result.name.end(), '-', '_');
  result.type = name.ends_with("-total") ? metric_type::counter
                                         : metric_type::gauge;
  result.help = "The figure " + std::string{name} + " of the engine";
  result.samples.push_back({{}, as_number(x), 0, {}});
  return result;
}

} // namespace

std::vector<metric> read_metrics(const value& statistics) {
  std::vector<metric> result;
  for (auto& row : metric_table()) {
    auto x = read_metric(row, statistics);
    if (!x.samples.empty())
      result.push_back(std::move(x));
  }
  for (auto& [name, amount] : named_entries(statistics, "engine"))
    result.push_back(read_figure(name, amount));
  return result;
}

double quantile(const metric_sample& now, double q,
                const metric_sample& before) {
  auto since = [](uint64_t x, uint64_t y) { return x - std::min(x, y); };
  auto count = since(now.count, before.count);
  if (count == 0)
    return 0;
  auto wanted = q * static_cast<double>(count);
  for (size_t i = 0; i < now.buckets.size(); ++i) {
    auto old = i < before.buckets.size() ? before.buckets[i].cumulative_count
                                         : 0;
    auto below = since(now.buckets[i].cumulative_count, old);
    if (below > 0 && static_cast<double>(below) >= wanted)
      return now.buckets[i].upper_bound;
  }
  return std::numeric_limits<double>::infinity();
}

} // namespace larder
