// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The one list of everything that a store measures.

#pragma once

#include "larder/internal/statistics.hpp"
#include "larder/metrics.hpp"

#include <span>
#include <string_view>
#include <variant>

namespace larder::internal {

/// A gauge that is the difference of two counters, which different actors keep.
struct difference {
  counter actor_statistics::*begun;
  counter actor_statistics::*done;
};

/// Where a figure comes from. Those of an operation are kept once per kind.
using metric_source
  = std::variant<counter actor_statistics::*, gauge actor_statistics::*,
                 histogram actor_statistics::*, difference,
                 counter actor_statistics::operation::*,
                 histogram actor_statistics::operation::*>;

/// A row of the table.
struct metric_row {
  metric_description what;
  /// Keywords that lead to the figure in the statistics of a store; `*` stands
  /// for the kind of the operation.
  std::string_view path;
  metric_source source;
};

std::span<const metric_row> metric_table() noexcept;

} // namespace larder::internal
