// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What CAF must know of larder: the message types and the error category.
///
/// Include this wherever larder's messages are sent or handled. An application
/// calls `init_actor_types()` before it makes an `actor_system_config`, and
/// `add_actor_types(cfg)` before it makes the `actor_system`.

#pragma once

#include "larder/detail/caf.hpp"
#include "larder/detail/message_types.hpp"
#include "larder/error.hpp"
#include "larder/messages.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder {

// -- errors as CAF sees them --------------------------------------------------

bool from_string(std::string_view in, errc& out);

bool from_integer(uint8_t in, errc& out);

#if LARDER_CAF_1
template <class Inspector>
bool inspect(Inspector& f, errc& x) {
  if (f.has_human_readable_format()) {
    auto get = [&x] { return std::string{to_string(x)}; };
    auto set = [&x](const std::string& str) { return from_string(str, x); };
    return f.apply(get, set);
  }
  auto get = [&x] { return static_cast<uint8_t>(x); };
  auto set = [&x](uint8_t code) { return from_integer(code, x); };
  return f.apply(get, set);
}
#endif

/// Makes the form in which errors travel between actors.
caf::error to_caf(const error& err);

/// The inverse of `to_caf`. CAF's own errors become `unavailable` if they say
/// that a receiver is gone, `timeout`, `invalid_argument` for messages that
/// cannot be read, `unsupported` for those nobody handles, else `internal`.
error to_error(const caf::error& err);

// -- messages within one process ----------------------------------------------

/// The handles of a store's key actors; a client hashes keys to them.
/// -> routes_reply, within one process only.
struct routes_request {
  using reply_type = struct routes_reply;
};

struct routes_reply {
  std::vector<caf::actor> key_actors;
};

} // namespace larder

// -- type ids -----------------------------------------------------------------

/// Types that other processes may send. larder's ids begin well above where
/// applications begin, so that both can be in one process; an application's own
/// block must end below.
CAF_BEGIN_TYPE_ID_BLOCK(larder, caf::first_custom_type_id + 1000)

  CAF_ADD_TYPE_ID(larder, (larder::errc))
  CAF_ADD_TYPE_ID(larder, (larder::detail::wire_message))

CAF_END_TYPE_ID_BLOCK(larder)

/// Types that stay in one process: CAF reads none of them from the network, and
/// a connection (remote.hpp) carries the requests and replies in between.
#define LARDER_ADD_TYPE_ID(type) CAF_ADD_TYPE_ID(larder_local, (larder::type))

CAF_BEGIN_TYPE_ID_BLOCK(larder_local, caf::first_custom_type_id + 1100)

  LARDER_FOR_EACH_REMOTE_REQUEST(LARDER_ADD_TYPE_ID)
  LARDER_FOR_EACH_LOCAL_REQUEST(LARDER_ADD_TYPE_ID)
  LARDER_FOR_EACH_REPLY(LARDER_ADD_TYPE_ID)
  LARDER_ADD_TYPE_ID(routes_request)
  LARDER_ADD_TYPE_ID(routes_reply)

CAF_END_TYPE_ID_BLOCK(larder_local)

#undef LARDER_ADD_TYPE_ID

#define LARDER_ALLOW_LOCAL(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(larder::type)

LARDER_FOR_EACH_REMOTE_REQUEST(LARDER_ALLOW_LOCAL)
LARDER_FOR_EACH_LOCAL_REQUEST(LARDER_ALLOW_LOCAL)
LARDER_FOR_EACH_REPLY(LARDER_ALLOW_LOCAL)
LARDER_ALLOW_LOCAL(routes_request)
LARDER_ALLOW_LOCAL(routes_reply)

#undef LARDER_ALLOW_LOCAL

#if LARDER_CAF_1
CAF_ERROR_CODE_ENUM(larder::errc)
#else
CAF_ERROR_CODE_ENUM(larder::errc, "larder")
#endif

namespace larder {

/// Makes larder's types known to CAF; to be called before the first
/// `caf::actor_system_config` is made (CAF 1.x needs it, 0.17 does not mind).
void init_actor_types();

/// Makes larder's types known to one configuration, sets the scheduler policy
/// `sharing` (unless the caller has set another) and, if networking is loaded,
/// heartbeats. To be called before the `caf::actor_system` is made.
void add_actor_types(caf::actor_system_config& cfg);

} // namespace larder
