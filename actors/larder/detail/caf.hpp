// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The only header that includes CAF. It hides what differs between 0.17.6
/// (Debian) and 1.x, so that one source tree serves both.

#pragma once

#include "caf/config.hpp"
#ifndef CAF_MAJOR_VERSION
#  include "caf/detail/build_config.hpp"
#endif

// CAF_VERSION is no use: release 1.1.0 defines it as an octal literal.
#if CAF_MAJOR_VERSION >= 1
#  define LARDER_CAF_1 1
#else
#  define LARDER_CAF_1 0
#endif

#include "caf/actor_ostream.hpp"
#include "caf/actor_system.hpp"
#include "caf/actor_system_config.hpp"
#include "caf/event_based_actor.hpp"
#include "caf/exit_reason.hpp"
#include "caf/response_promise.hpp"
#include "caf/scoped_actor.hpp"
#include "caf/sec.hpp"
#include "caf/send.hpp"
#include "caf/stateful_actor.hpp"
#include "caf/type_id.hpp"
#include "caf/typed_response_promise.hpp"
#if LARDER_CAF_1
#  include "caf/anon_mail.hpp"
#  include "caf/init_global_meta_objects.hpp"
#endif

#include "larder/detail/wire.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace larder::detail {

// -- message passing ----------------------------------------------------------

/// Sends a request that is answered sooner or later. Timeouts are the client's
/// business: CAF's cost throughput and memory (they live on after the answer).
template <class Self, class Dst, class... Ts>
auto request(Self* self, const Dst& dst, Ts&&... xs) {
#if LARDER_CAF_1
  return self->mail(std::forward<Ts>(xs)...).request(dst, caf::infinite);
#else
  return self->request(dst, caf::infinite, std::forward<Ts>(xs)...);
#endif
}

template <class Self, class Dst, class... Ts>
void send(Self* self, const Dst& dst, Ts&&... xs) {
#if LARDER_CAF_1
  self->mail(std::forward<Ts>(xs)...).send(dst);
#else
  self->send(dst, std::forward<Ts>(xs)...);
#endif
}

template <class Self, class Dst, class... Ts>
void delayed_send(Self* self, const Dst& dst, std::chrono::milliseconds delay,
                  Ts&&... xs) {
#if LARDER_CAF_1
  self->mail(std::forward<Ts>(xs)...).delay(delay).send(dst);
#else
  self->delayed_send(dst, delay, std::forward<Ts>(xs)...);
#endif
}

template <class Self, class Dst, class... Ts>
auto delegate(Self* self, const Dst& dst, Ts&&... xs) {
#if LARDER_CAF_1
  return self->mail(std::forward<Ts>(xs)...).delegate(dst);
#else
  return self->delegate(dst, std::forward<Ts>(xs)...);
#endif
}

template <class Dst, class... Ts>
void anon_send(const Dst& dst, Ts&&... xs) {
#if LARDER_CAF_1
  caf::anon_mail(std::forward<Ts>(xs)...).send(dst);
#else
  caf::anon_send(dst, std::forward<Ts>(xs)...);
#endif
}

template <class Dst>
void anon_send_exit(const Dst& dst, caf::exit_reason reason) {
  caf::anon_send_exit(dst, reason);
}

template <class State, class Base>
State& state_of(caf::stateful_actor<State, Base>* self) {
#if LARDER_CAF_1
  return self->state();
#else
  return self->state;
#endif
}

// -- inspection ---------------------------------------------------------------

/// The one message that travels between processes.
#if LARDER_CAF_1

template <class Inspector>
bool inspect(Inspector& f, wire_message& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("kind", x.kind),
                            f.field("content", x.content));
}

#else

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wire_message& x) {
  return f(caf::meta::type_name("larder::detail::wire_message"), x.id, x.kind,
           x.content);
}

#endif

} // namespace larder::detail
