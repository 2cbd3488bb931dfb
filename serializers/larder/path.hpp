// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Lens functions: reading and changing what lies deep inside a value.
///
/// A path is a sequence of steps: the key of a map, the index of a vector or
/// list (an integer from 0), or an item of a set. The empty path is the value
/// itself. A stored nil or false is a value like any other. Tagged elements are
/// stepped over as a whole, never into. Messages count steps from 1.
///
/// Neither a path nor what a change makes may be deeper than
/// `limits::max_depth` by default: `limit_exceeded`.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <functional>
#include <span>
#include <vector>

namespace larder {

using path = std::vector<value>;
using path_view = std::span<const value>;

/// Returns what lies at `steps` inside `root`.
/// @returns `not_found` if the path leads nowhere, at whichever depth: a
///          missing map key or set item, past a vector's end, into a scalar
expected<value> get_in(const value& root, path_view steps);

/// Returns `root` with `x` at `steps`. Missing maps (also in place of nil) are
/// made on the way. The index of a vector or list may equal its size, which
/// appends. A step into a set adds the item `x`, which must equal the step.
/// Nodes that nobody else shares are changed in place: pass `root` by move.
/// @returns `invalid_path` when the path steps into a scalar or past an end,
///          `invalid_argument` for a step into a set that is not the item
expected<value> assoc_in(value root, path_view steps, value x);

/// What an update did.
struct update_result {
  value root;   ///< the whole value after the update
  value before; ///< what was at the path; nil if nothing
  value after;  ///< what is at the path now
};

/// A function from an old value (null: nothing is there) to a new one.
using update_fn = std::function<expected<value>(const value*)>;

/// Returns `root` with what lies at `steps` replaced by `f` of it.
/// @returns as `assoc_in`, and what `f` returns
expected<update_result> update_in(value root, path_view steps,
                                  const update_fn& f);

/// Returns `root` without what lies at `steps`: the map entry, the set item,
/// or the vector or list element (those behind it move up).
/// @returns `not_found` if the path leads nowhere, `invalid_argument` for the
///          empty path or if it would change an item of a set
expected<value> dissoc_in(value root, path_view steps);

} // namespace larder
