// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Waiting for the end of other actors.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/batch.hpp"

#include <utility>

namespace larder::internal {

/// Has `self`, which handles `post`, run `f` when another actor is over: soon,
/// if it is already. That of another node is when the connection breaks. If
/// `self` is over first, nothing happens.
template <class F>
void when_over(const caf::event_based_actor* self, caf::abstract_actor* other,
               F f) {
  // Runs in whichever thread ends the other one.
  other->attach_functor([f = std::move(f), weak = self->address()] {
    if (auto hdl = caf::actor_cast<caf::actor>(weak))
      detail::anon_send(hdl, post{f});
  });
}

} // namespace larder::internal
