// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Update functions by name: they work from other nodes, where a lambda cannot.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// An update function: gets what is at the path (null: nothing is there) and
/// the arguments, returns what is to be there. It must not have side effects
/// (it runs again after a conflict with another process), must be quick (its
/// key actor waits) and may run on several threads at once. What it throws
/// becomes `function_failed`.
using named_function = std::function<expected<value>(
  const value* old, std::span<const value> arguments)>;

/// The functions that a store knows. Immutable once the store is spawned.
class function_registry {
public:
  /// Knows the built-in functions (docs/functions.md has their semantics): inc,
  /// dec, add, conj, disj, assoc, dissoc, merge, union, append, min, max,
  /// toggle, swap-if.
  function_registry();

  /// Adds a function.
  /// @returns `already_exists` if the name is taken, `invalid_argument` if it
  ///          is empty or `f` is
  expected<void> add(std::string name, named_function f);

  /// @returns `unknown_function` with the names that are known
  expected<const named_function*> find(const std::string& name) const;

  /// All names, ascending.
  std::vector<std::string> names() const;

private:
  std::map<std::string, named_function, std::less<>> functions_;
};

} // namespace larder
