// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What processes say to each other: a connection greets a gate, then sends
/// requests, each of which is answered by a reply or an error.

#pragma once

#include "larder/detail/message_types.hpp"
#include "larder/detail/wire.hpp"
#include "larder/error.hpp"
#include "larder/messages.hpp"

#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace larder::internal {

using detail::wire_message;

/// What connection and gate must have in common. Goes up when messages change
/// their fields or meaning; a new kind of request leaves it alone.
constexpr uint64_t protocol_version = 1;

// -- kinds of messages --------------------------------------------------------

/// An error in place of a reply.
constexpr uint16_t error_kind = 0;

/// The first message on a connection, and its answer.
constexpr uint16_t greeting_kind = 1;

constexpr uint16_t first_request_kind = 2;

#define LARDER_LIST_TYPE(type) , type

/// The requests that travel, behind a head that is none.
template <class Head, class... Ts>
using tuple_of_tail = std::tuple<Ts...>;

using remote_requests
  = tuple_of_tail<void LARDER_FOR_EACH_REMOTE_REQUEST(LARDER_LIST_TYPE)>;

#undef LARDER_LIST_TYPE

/// The kind of a request, which is also the kind of its reply.
template <class Request>
constexpr uint16_t kind_of() {
  return []<class... Ts>(std::type_identity<std::tuple<Ts...>>) {
    static_assert((std::is_same_v<Request, Ts> || ...),
                  "this request does not travel");
    auto result = first_request_kind;
    auto found = [&result](bool same) {
      result += same ? 0 : 1;
      return same;
    };
    static_cast<void>((found(std::is_same_v<Request, Ts>) || ...));
    return result;
  }(std::type_identity<remote_requests>{});
}

/// Calls `f` with a default-constructed request of a kind.
/// @returns false if there is no such kind
template <class F>
bool with_request_of_kind(uint16_t kind, F f) {
  return [&]<class... Ts>(std::type_identity<std::tuple<Ts...>>) {
    return ((kind == kind_of<Ts>() && (f(Ts{}), true)) || ...);
  }(std::type_identity<remote_requests>{});
}

// -- contents -----------------------------------------------------------------

/// Sent by a connection: what it speaks. Answered with what the gate speaks,
/// and the size of the largest content that it takes.
struct greeting {
  uint64_t version = protocol_version;
  uint64_t max_message_size = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.version, x.max_message_size);
  }
};

/// Encodes the content of a message.
/// @returns `invalid_argument` for strings that are not UTF-8 and for values
///          nested too deeply
template <class T>
expected<std::string> encode_content(const T& x) {
  auto result = detail::encode_wire(detail::to_wire(x));
  if (result.empty())
    return fail(errc::invalid_argument,
                "it cannot be sent to another process: a string in it is not "
                "UTF-8, or a value is nested too deeply");
  return result;
}

/// Decodes the content of a message; false if it is not that of a T.
template <class T>
bool decode_content(const std::string& content, T& x) {
  value fields;
  return detail::decode_wire(content, fields) && detail::from_wire(fields, x);
}

/// Makes the answer to the request `id` out of an error.
wire_message make_error_answer(uint64_t id, const error& err);

/// Reads the error out of an answer.
error read_error_answer(const wire_message& msg);

} // namespace larder::internal
