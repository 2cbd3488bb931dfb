// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How messages travel between processes: as a CBOR vector of their fields, so
/// that what comes from the network is parsed by the one bounded decoder.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/metadata.hpp"
#include "larder/value.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::detail {

/// A struct that lists its members: `static auto fields(auto& x)`.
template <class T>
concept message_struct = requires(T& x) {
  T::fields(x);
};

// -- fields to values ---------------------------------------------------------

inline value to_wire(const value& x) {
  return x;
}

inline value to_wire(const std::string& x) {
  return x;
}

/// Numbers past 63 bits wrap around, and back.
template <std::integral T>
value to_wire(T x) {
  if constexpr (std::same_as<T, uint64_t>)
    return static_cast<int64_t>(x);
  else
    return x;
}

inline value to_wire(content_type x) {
  return static_cast<int64_t>(x);
}

inline value to_wire(std::chrono::milliseconds x) {
  return static_cast<int64_t>(x.count());
}

value to_wire(const revision& x);
value to_wire(const metadata& x);
value to_wire(const std::shared_ptr<const bytes>& x);

template <message_struct T>
value to_wire(const T& x);

/// Nothing is nil, something a vector of one.
template <class T>
value to_wire(const std::optional<T>& x) {
  return x ? value::vector({to_wire(*x)}) : value{};
}

template <class T>
value to_wire(const std::vector<T>& xs) {
  std::vector<value> items;
  items.reserve(xs.size());
  for (auto& x : xs)
    items.push_back(to_wire(x));
  return value::vector(std::move(items));
}

template <message_struct T>
value to_wire(const T& x) {
  return std::apply(
    [](auto&... xs) {
      return value::vector(std::vector<value>{to_wire(xs)...});
    },
    T::fields(x));
}

// -- values to fields ---------------------------------------------------------

inline bool from_wire(const value& in, value& out) {
  out = in;
  return true;
}

template <std::integral T>
bool from_wire(const value& in, T& out) {
  if constexpr (std::same_as<T, bool>) {
    if (!in.is(value::kind::boolean))
      return false;
    out = in.as_boolean();
  } else {
    if (!in.is(value::kind::integer)
        || (!std::same_as<T, uint64_t> && !std::in_range<T>(in.as_integer())))
      return false;
    out = static_cast<T>(in.as_integer());
  }
  return true;
}

bool from_wire(const value& in, std::string& out);
bool from_wire(const value& in, content_type& out);
bool from_wire(const value& in, std::chrono::milliseconds& out);
bool from_wire(const value& in, revision& out);
bool from_wire(const value& in, metadata& out);
bool from_wire(const value& in, std::shared_ptr<const bytes>& out);

template <message_struct T>
bool from_wire(const value& in, T& out);

template <class T>
bool from_wire(const value& in, std::optional<T>& out) {
  if (in.is_nil()) {
    out.reset();
    return true;
  }
  return in.is(value::kind::vector) && in.size() == 1
         && from_wire(in.items()[0], out.emplace());
}

template <class T>
bool from_wire(const value& in, std::vector<T>& out) {
  if (!in.is(value::kind::vector))
    return false;
  out.clear();
  out.reserve(in.size());
  for (auto& x : in.items())
    if (!from_wire(x, out.emplace_back()))
      return false;
  return true;
}

template <message_struct T>
bool from_wire(const value& in, T& out) {
  auto fields = T::fields(out);
  constexpr auto n = std::tuple_size_v<decltype(fields)>;
  if (!in.is(value::kind::vector) || in.size() != n)
    return false;
  return [&]<size_t... Is>(std::index_sequence<Is...>) {
    return (from_wire(in.items()[Is], std::get<Is>(fields)) && ...);
  }
  (std::make_index_sequence<n>{});
}

// -- whole messages -----------------------------------------------------------

/// What processes send each other. CAF sees nothing but this: a message that
/// cannot be read, or that only a newer version knows, can so be answered with
/// an error, where CAF would drop it in silence.
struct wire_message {
  /// Names a request in its connection; the answer repeats it.
  uint64_t id = 0;
  /// What the content is (internal/protocol.hpp).
  uint16_t kind = 0;
  /// Made by `encode_wire`.
  std::string content;
};

/// Encodes the fields of a message. A string that is not UTF-8 gives an empty
/// result, which no reader accepts.
std::string encode_wire(const value& fields);

/// Decodes what `encode_wire` made, within the limits of the wire.
bool decode_wire(std::string_view in, value& out);

} // namespace larder::detail
