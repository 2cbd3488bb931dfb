// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "statistics_tick.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace larder::cli {

namespace {

const metric_sample* find_sample(const std::vector<metric>& all,
                                 const std::string& name,
                                 const std::string& label) {
  for (auto& family : all)
    if (family.name == name)
      for (auto& sample : family.samples)
        if (sample.label == label)
          return &sample;
  return nullptr;
}

/// A store that was opened anew counts from zero.
double growth(double before, double now) {
  return now < before ? now : now - before;
}

std::string with_unit(double x, const char* unit, double step,
                      std::initializer_list<const char*> larger) {
  for (auto* next : larger) {
    if (x < step)
      break;
    x /= step;
    unit = next;
  }
  return x < 10 && x != std::floor(x) ? fmt::format("{:.1f}{}", x, unit)
                                      : fmt::format("{:.0f}{}", x, unit);
}

std::string show_time(double seconds) {
  if (std::isinf(seconds))
    return "over 1min";
  return with_unit(seconds * 1e6, "us", 1000, {"ms", "s"});
}

std::string show_number(const std::string& name, double x) {
  if (std::isinf(x))
    return "many";
  if (name.find("_seconds") != std::string::npos)
    return show_time(x);
  if (name.find("_bytes") != std::string::npos)
    return with_unit(x, "B", 1024, {"KiB", "MiB", "GiB", "TiB"});
  return with_unit(x, "", 1e6, {"M"});
}

/// The name without what all of them have.
std::string short_name(std::string_view name) {
  constexpr std::string_view prefix = "larder_";
  constexpr std::string_view suffix = "_total";
  if (name.starts_with(prefix))
    name.remove_prefix(prefix.size());
  if (name.ends_with(suffix))
    name.remove_suffix(suffix.size());
  return std::string{name};
}

} // namespace

statistics_tick::statistics_tick(const std::vector<metric>& before,
                                 const std::vector<metric>& now, double seconds)
  : seconds_(seconds) {
  for (auto& family : now)
    for (auto& x : family.samples) {
      auto* found = find_sample(before, family.name, x.label);
      auto old = found != nullptr ? *found : metric_sample{};
      if (old.count > x.count)
        old = {};
      figure res{&family, x.label, x.amount, 0, 0};
      if (family.type == metric_type::counter) {
        res.amount = growth(old.amount, x.amount) / seconds;
      } else if (family.type == metric_type::histogram) {
        res.amount = static_cast<double>(x.count - old.count) / seconds;
        res.median = quantile(x, 0.5, old);
        res.almost_all = quantile(x, 0.99, old);
      }
      figures_.push_back(std::move(res));
    }
}

// -- for programs -------------------------------------------------------------

value statistics_tick::to_value(const figure& x) const {
  // What is larger than all bounds is nil: JSON has no infinity.
  auto bound = [](double q) { return std::isinf(q) ? value{} : value{q}; };
  if (x.family->type != metric_type::histogram)
    return x.amount;
  return value::map({{"rate", x.amount},
                     {"p50", bound(x.median)},
                     {"p99", bound(x.almost_all)}});
}

value statistics_tick::data() const {
  std::map<std::string, value> families;
  for (auto& x : figures_) {
    auto& at = families.try_emplace(x.family->name, value::map()).first->second;
    at = x.label.empty() ? to_value(x) : at.with(x.label, to_value(x));
  }
  std::vector<value::entry> entries;
  for (auto& [name, content] : families)
    entries.emplace_back(name, content);
  entries.emplace_back("seconds", seconds_);
  return value::map(std::move(entries));
}

// -- for people ---------------------------------------------------------------

std::string statistics_tick::page() const {
  std::map<std::string, std::map<std::string, const figure*>> labels;
  auto res = fmt::format("{:<28} {:>12} {:>10} {:>10}\n", "", "per second",
                         "50 % below", "99 % below");
  auto row = [&res](std::string_view name, std::string_view amount,
                    const figure* times) {
    auto bound = [&](double figure::*q) {
      return times != nullptr && times->amount > 0
               ? show_number(times->family->name, times->*q)
               : std::string{};
    };
    res += fmt::format("{:<28} {:>12} {:>10} {:>10}\n", name, amount,
                       bound(&figure::median), bound(&figure::almost_all));
  };
  for (auto& x : figures_)
    if (!x.label.empty())
      labels[x.label][x.family->name] = &x;
  for (auto& [label, by_name] : labels) {
    auto amount = [&](const char* name) {
      auto i = by_name.find(name);
      return i != by_name.end() ? i->second->amount : 0;
    };
    auto rate = amount("larder_operations_total");
    if (rate == 0)
      continue;
    auto failed = amount("larder_operation_errors_total");
    auto times = by_name.find("larder_operation_duration_seconds");
    row(label + (failed > 0 ? fmt::format(" ({:.0f} failed)", failed) : ""),
        show_number({}, rate),
        times != by_name.end() ? times->second : nullptr);
  }
  res += "\n";
  for (auto& x : figures_) {
    if (!x.label.empty())
      continue;
    auto is_gauge = x.family->type == metric_type::gauge;
    auto is_histogram = x.family->type == metric_type::histogram;
    auto text = is_histogram ? show_number({}, x.amount)
                             : show_number(x.family->name, x.amount);
    row(short_name(x.family->name), text + (is_gauge ? "  " : "/s"),
        is_histogram ? &x : nullptr);
  }
  return res;
}

std::string statistics_tick::line() const {
  std::string res = fmt::format("seconds={:.1f}", seconds_);
  for (auto& x : figures_) {
    if (x.amount == 0)
      continue;
    auto name = short_name(x.family->name);
    res += " " + name + (x.label.empty() ? "" : "." + x.label) + "=";
    if (x.family->type == metric_type::histogram)
      res += fmt::format("{}..{}", show_number(x.family->name, x.median),
                         show_number(x.family->name, x.almost_all));
    else
      res += show_number(x.family->name, x.amount)
             + (x.family->type == metric_type::counter ? "/s" : "");
  }
  return res;
}

} // namespace larder::cli
