// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How each shape of C++ type is made from a value.

#pragma once

#include "larder/detail/typed_shapes.hpp"
#include "larder/detail/typed_support.hpp"
#include "larder/detail/value_iarchive.hpp"

#include <algorithm>
#include <limits>

namespace larder::detail {

template <class T>
T load_integer(const typed_place& at, const value& from) {
  using bounds = std::numeric_limits<T>;
  if constexpr (std::is_signed_v<T>)
    return static_cast<T>(load_signed(at, from, bounds::min(), bounds::max()));
  else
    return static_cast<T>(load_unsigned(at, from, bounds::max()));
}

template <class T>
void load_time(const typed_place& at, const value& from, T& x) {
  using std::chrono::milliseconds;
  using duration = typename T::duration;
  auto min = milliseconds::min();
  auto max = milliseconds::max();
  if constexpr (!is_coarse<duration>) {
    min = std::chrono::ceil<milliseconds>(duration::min());
    max = std::chrono::floor<milliseconds>(duration::max());
  }
  milliseconds ms{load_instant(at, from, min.count(), max.count())};
  x = T{std::chrono::floor<duration>(ms)};
}

template <class T>
void load_bytes(const typed_place& at, const value& from, T& x) {
  expect_kind(at, from, value::kind::bytes);
  if constexpr (is_std_array<T>)
    expect_size(at, from, x.size());
  else
    x.resize(from.size());
  auto src = from.as_bytes();
  std::transform(src.begin(), src.end(), x.begin(), [](std::byte b) {
    return static_cast<typename T::value_type>(b);
  });
}

template <class T>
void load_fixed(const typed_place& at, const value& from, T& xs) {
  auto items = load_items(at, from);
  expect_size(at, from, std::size(xs));
  for (size_t i = 0; i < items.size(); ++i)
    load(at.item(i), items[i], xs[i]);
}

template <class T>
void load_sequence(const typed_place& at, const value& from, T& xs) {
  xs.clear();
  size_t i = 0;
  for (auto& item : load_items(at, from)) {
    blank<typename item_type<T>::type> x;
    load(at.item(i++), item, x.get());
    xs.insert(xs.end(), std::move(x.get()));
  }
}

template <class T>
void load_set(const typed_place& at, const value& from, T& xs) {
  expect_kind(at, from, value::kind::set);
  xs.clear();
  size_t i = 0;
  for (auto& item : from.items()) {
    blank<typename T::value_type> x;
    load(at.item(i++), item, x.get());
    if (!xs.insert(std::move(x.get())).second)
      fail_duplicate(at);
  }
}

template <class T>
void load_map(const typed_place& at, const value& from, T& xs) {
  expect_kind(at, from, value::kind::map);
  xs.clear();
  for (auto& [key, item] : from.entries()) {
    auto place = at.entry(key);
    blank<typename T::key_type> k;
    blank<typename T::mapped_type> x;
    load(place, key, k.get());
    load(place, item, x.get());
    if (!xs.emplace(std::move(k.get()), std::move(x.get())).second)
      fail_duplicate(at);
  }
}

template <class T>
void load_tuple(const typed_place& at, const value& from, T& xs) {
  auto items = load_items(at, from);
  expect_size(at, from, std::tuple_size_v<T>);
  size_t i = 0;
  auto take = [&](auto& x) {
    load(at.item(i), items[i], x);
    ++i;
  };
  std::apply([&](auto&... x) { (take(x), ...); }, xs);
}

template <class T>
void load_variant(const typed_place& at, const value& from, T& x) {
  auto items = load_items(at, from);
  expect_size(at, from, 2);
  constexpr auto count = std::variant_size_v<T>;
  auto index = load_unsigned(at.item(0), items[0], count - 1);
  auto take = [&]<size_t I>() {
    if (index != I)
      return;
    blank<std::variant_alternative_t<I, T>> content;
    load(at.item(1), items[1], content.get());
    x.template emplace<I>(std::move(content.get()));
  };
  [&]<size_t... Is>(std::index_sequence<Is...>) {
    (take.template operator()<Is>(), ...);
  }
  (std::make_index_sequence<count>{});
}

template <class T>
void load_optional(const typed_place& at, const value& from, T& x) {
  x = T{};
  if (from.is_nil())
    return;
  blank<typename T::value_type> content;
  load(at, from, content.get());
  x.emplace(std::move(content.get()));
}

template <class T>
void load(const typed_place& at, const value& from, T& x) {
  check_shape<T>();
  if constexpr (std::same_as<T, value>) {
    x = from;
  } else if constexpr (std::same_as<T, bool>) {
    expect_kind(at, from, value::kind::boolean);
    x = from.as_boolean();
  } else if constexpr (std::same_as<T, std::monostate>) {
    expect_kind(at, from, value::kind::nil);
  } else if constexpr (std::same_as<T, uuid>) {
    expect_kind(at, from, value::kind::uuid);
    x = from.as_uuid();
  } else if constexpr (std::same_as<T, big_integer>) {
    load_big_integer(at, from, x);
  } else if constexpr (std::same_as<T, decimal>) {
    expect_kind(at, from, value::kind::decimal);
    x = from.as_decimal();
  } else if constexpr (integer_shape<T>) {
    x = load_integer<T>(at, from);
  } else if constexpr (std::is_enum_v<T>) {
    x = static_cast<T>(load_integer<std::underlying_type_t<T>>(at, from));
  } else if constexpr (real_shape<T>) {
    x = static_cast<T>(load_real(at, from, std::numeric_limits<T>::max()));
  } else if constexpr (std::same_as<T, char>) {
    x = static_cast<char>(load_character(at, from, 0xFF));
  } else if constexpr (std::same_as<T, char32_t>) {
    x = load_character(at, from, 0x10FFFF);
  } else if constexpr (std::same_as<T, std::string>) {
    expect_kind(at, from, value::kind::string);
    x = from.as_string();
  } else if constexpr (optional_shape<T>) {
    load_optional(at, from, x);
  } else if constexpr (is_system_time<T>) {
    load_time(at, from, x);
  } else if constexpr (is_instance<T, std::chrono::duration>) {
    typename T::rep count;
    load(at, from, count);
    x = T{count};
  } else if constexpr (bytes_shape<T>) {
    load_bytes(at, from, x);
  } else if constexpr (map_shape<T>) {
    load_map(at, from, x);
  } else if constexpr (set_shape<T>) {
    load_set(at, from, x);
  } else if constexpr (sequence_shape<T>) {
    load_sequence(at, from, x);
  } else if constexpr (fixed_shape<T>) {
    load_fixed(at, from, x);
  } else if constexpr (tuple_shape<T>) {
    load_tuple(at, from, x);
  } else if constexpr (is_instance<T, std::variant>) {
    load_variant(at, from, x);
  } else {
    check_record<T>();
    value_iarchive<T>{at, from, x}.run(nullptr);
  }
}

} // namespace larder::detail
