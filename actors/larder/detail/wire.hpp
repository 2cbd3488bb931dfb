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
#include <variant>
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

/// An enumeration that can tell which numbers are its own.
template <class T>
concept checked_enum = std::is_enum_v<T> && requires(T x) {
  is_valid(x);
};

template <checked_enum T>
value to_wire(T x) {
  return static_cast<int64_t>(x);
}

inline value to_wire(std::chrono::milliseconds x) {
  return static_cast<int64_t>(x.count());
}

value to_wire(const error& x);
value to_wire(const revision& x);
value to_wire(const uuid& x);
value to_wire(const metadata& x);
value to_wire(const std::shared_ptr<const bytes>& x);

template <message_struct T>
value to_wire(const T& x);

template <class... Ts>
value to_wire(const std::variant<Ts...>& x);

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

/// The number of the alternative, then what it holds.
template <class... Ts>
value to_wire(const std::variant<Ts...>& x) {
  auto number = static_cast<int64_t>(x.index());
  return std::visit(
    [&](auto& y) {
      return value::vector({number, to_wire(y)});
    },
    x);
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

template <checked_enum T>
bool from_wire(const value& in, T& out) {
  std::underlying_type_t<T> number;
  if (!from_wire(in, number) || !is_valid(static_cast<T>(number)))
    return false;
  out = static_cast<T>(number);
  return true;
}

bool from_wire(const value& in, std::string& out);
bool from_wire(const value& in, error& out);
bool from_wire(const value& in, std::optional<error>& out);
bool from_wire(const value& in, std::chrono::milliseconds& out);
bool from_wire(const value& in, revision& out);
bool from_wire(const value& in, uuid& out);
bool from_wire(const value& in, metadata& out);
bool from_wire(const value& in, std::shared_ptr<const bytes>& out);

template <message_struct T>
bool from_wire(const value& in, T& out);

template <class... Ts>
bool from_wire(const value& in, std::variant<Ts...>& out);

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

template <class... Ts>
bool from_wire(const value& in, std::variant<Ts...>& out) {
  uint64_t number = 0;
  if (!in.is(value::kind::vector) || in.size() != 2
      || !from_wire(in.items()[0], number))
    return false;
  return [&]<size_t... Is>(std::index_sequence<Is...>) {
    return (
      (number == Is && from_wire(in.items()[1], out.template emplace<Is>()))
      || ...);
  }
  (std::index_sequence_for<Ts...>{});
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
