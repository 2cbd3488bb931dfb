// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The front of a tiered store is scratch: it is made when the store is opened
/// and destroyed when it is closed.

#pragma once

#include "larder/registry.hpp"

#include <string_view>

namespace larder::detail {

/// The key by which a store is known to be somebody's scratch.
inline constexpr std::string_view front_mark = "larder-front";

/// Returns whether the store is marked as somebody's scratch.
expected<bool> has_front_mark(backend& store);

/// Destroys what is left of a front, if there is one.
/// @param back the store that it is for, if that is open
/// @returns `already_exists` if there is another store at `where`, with keys of
///          its own, `locked` if the front is in use, `invalid_argument` if it
///          is `back`
expected<void> clear_front(const engine& impl, const uri& where,
                           const backend* back = nullptr);

/// Makes an empty front; the last one to let go of it destroys it.
/// @returns what `clear_front` and the engine return
expected<std::shared_ptr<backend>>
make_front(const engine& impl, const uri& where, const backend* back = nullptr);

} // namespace larder::detail
