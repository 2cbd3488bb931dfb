// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"

#include <utility>
#include <vector>

namespace larder::detail {

/// Makes the outcomes of a commit of its steps, in order.
/// @param steps each has `problem`, why it has failed if it has, and `existed`,
///        whether its key had a blob before; the problems are moved out
template <class Steps>
std::vector<commit_outcome> outcomes_of(Steps& steps) {
  std::vector<commit_outcome> result;
  result.reserve(steps.size());
  for (auto& x : steps) {
    if (x.problem)
      result.push_back(fail(std::move(*x.problem)));
    else
      result.push_back(commit_result{x.existed});
  }
  return result;
}

} // namespace larder::detail
