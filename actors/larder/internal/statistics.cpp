// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/statistics.hpp"

#include "larder/internal/metric_table.hpp"
#include "larder/path.hpp"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <vector>

namespace larder::internal {

std::string_view to_string(op_kind x) noexcept {
  constexpr std::string_view names[]
    = {"get",       "exists",     "metadata",    "put",      "update",
       "erase",     "write",      "read",        "list",     "verify",
       "multi-get", "multi-put",  "multi-erase", "transact", "append",
       "read-log",  "reduce-log", "truncate-log"};
  return names[static_cast<size_t>(x)];
}

void histogram::add(uint64_t x) noexcept {
  auto width = static_cast<size_t>(std::bit_width(x));
  buckets_[std::min(width, buckets - 1)].add();
  sum_.add(x);
}

void histogram::add_shared(uint64_t x) noexcept {
  auto width = static_cast<size_t>(std::bit_width(x));
  buckets_[std::min(width, buckets - 1)].add_shared();
  sum_.add_shared(x);
}

// -- summaries ----------------------------------------------------------------

namespace {

using operation = actor_statistics::operation;

/// A map with the number of events, the sum of their sizes, and how many were
/// below each power of two (and not below half of that).
class histogram_summary {
public:
  void add(const histogram& x) {
    for (size_t i = 0; i < histogram::buckets; ++i)
      buckets_[i] += x.bucket(i);
    sum_ += x.sum();
  }

  value get() const {
    std::vector<value::entry> entries;
    uint64_t count = 0;
    for (size_t i = 0; i < histogram::buckets; ++i) {
      count += buckets_[i];
      if (buckets_[i] > 0)
        entries.emplace_back(int64_t{1} << i, buckets_[i]);
    }
    return value::map({
      {value::keyword("count"), count},
      {value::keyword("sum"), sum_},
      {value::keyword("buckets"), value::map(std::move(entries))},
    });
  }

private:
  std::array<uint64_t, histogram::buckets> buckets_{};
  uint64_t sum_ = 0;
};

class summary {
public:
  explicit summary(std::span<const actor_statistics> all) : all_(all) {
    for (auto& x : all)
      for (size_t i = 0; i < op_kinds; ++i)
        operations_[i] += x.operations[i].count.get();
  }

  void add(const metric_row& row) {
    auto visitor = [&](auto source) {
      if constexpr (requires(operation x) { x.*source; })
        add_operations(row, source);
      else
        put(row.path, {}, total(source));
    };
    std::visit(visitor, row.source);
  }

  void add(std::span<const engine_figure> figures) {
    for (auto& x : figures)
      put("engine/*", x.name, x.amount);
  }

  value take() {
    return std::move(result_);
  }

private:
  /// Kinds of operations that have not happened are left out.
  template <class T>
  void add_operations(const metric_row& row, T operation::*source) {
    for (size_t i = 0; i < op_kinds; ++i)
      if (operations_[i] > 0)
        put(row.path, to_string(static_cast<op_kind>(i)),
            sum([&](auto& x) -> auto& { return x.operations[i].*source; }));
  }

  template <class T>
  value total(T actor_statistics::*source) {
    return sum([&](auto& x) -> auto& { return x.*source; });
  }

  /// Actors go on counting meanwhile: the difference may seem negative.
  value total(difference source) {
    auto begun = total(source.begun).as_integer();
    return std::max(begun - total(source.done).as_integer(), int64_t{0});
  }

  template <class F>
  value sum(F get) {
    using source = std::remove_cvref_t<decltype(get(all_.front()))>;
    if constexpr (std::same_as<source, histogram>) {
      histogram_summary result;
      for (auto& x : all_)
        result.add(get(x));
      return result.get();
    } else {
      uint64_t result = 0;
      for (auto& x : all_)
        result += get(x).get();
      return result;
    }
  }

  void put(std::string_view where, std::string_view label, value x) {
    // The path consists of maps that nothing else is put into.
    result_ = *assoc_in(std::move(result_), statistics_path(where, label),
                        std::move(x));
  }

  std::span<const actor_statistics> all_;
  std::array<uint64_t, op_kinds> operations_{};
  value result_ = value::map({{value::keyword("operations"), value::map()}});
};

} // namespace

path statistics_path(std::string_view where, std::string_view label) {
  path result;
  for (;;) {
    auto slash = where.find('/');
    auto name = where.substr(0, slash);
    result.push_back(value::keyword(name == "*" ? label : name));
    if (slash == std::string_view::npos)
      return result;
    where.remove_prefix(slash + 1);
  }
}

value summarize(std::span<const actor_statistics> all,
                std::span<const engine_figure> figures) {
  summary result{all};
  for (auto& row : metric_table())
    result.add(row);
  result.add(figures);
  return result.take();
}

} // namespace larder::internal
