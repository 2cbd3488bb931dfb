// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How each shape of C++ type becomes a value.

#pragma once

#include "larder/detail/typed_shapes.hpp"
#include "larder/detail/typed_support.hpp"
#include "larder/detail/value_oarchive.hpp"

#include <span>

namespace larder::detail {

template <class D>
value save_time(const typed_place& at, D x) {
  using std::chrono::milliseconds;
  if constexpr (is_coarse<D>) {
    constexpr auto min = std::chrono::ceil<D>(milliseconds::min());
    constexpr auto max = std::chrono::floor<D>(milliseconds::max());
    if (x < min || x > max)
      fail_at(at, errc::out_of_range, "is no time that an instant can hold");
  }
  return value::instant(std::chrono::floor<milliseconds>(x).count());
}

template <class T>
value save_items(const typed_place& at, const T& xs) {
  using item = std::remove_cvref_t<decltype(*std::begin(xs))>;
  std::vector<value> result;
  result.reserve(std::size(xs));
  for (const item& x : xs)
    result.push_back(save(at.item(result.size()), x, nullptr));
  return value::vector(std::move(result));
}

template <class T>
value save_set(const typed_place& at, const T& xs) {
  std::vector<value> result;
  result.reserve(xs.size());
  for (auto& x : xs)
    result.push_back(save(at.item(result.size()), x, nullptr));
  return make_set(at, std::move(result));
}

template <class T>
value save_map(const typed_place& at, const T& xs, const value* old) {
  std::vector<value::entry> result;
  result.reserve(xs.size());
  auto old_map = old != nullptr && old->is(value::kind::map) ? old : nullptr;
  for (auto& [key, x] : xs) {
    auto k = save(at.item(result.size()), key, nullptr);
    auto old_entry = old_map != nullptr ? old_map->find(k) : nullptr;
    auto v = save(at.entry(k), x, old_entry);
    result.emplace_back(std::move(k), std::move(v));
  }
  return make_map(at, std::move(result));
}

template <class T>
value save_tuple(const typed_place& at, const T& xs) {
  std::vector<value> result;
  auto add = [&](auto& x) {
    result.push_back(save(at.item(result.size()), x, nullptr));
  };
  std::apply([&](auto&... x) { (add(x), ...); }, xs);
  return value::vector(std::move(result));
}

template <class T>
value save_variant(const typed_place& at, const T& x) {
  if (x.valueless_by_exception())
    fail_at(at, errc::invalid_argument, "is a variant without a value");
  auto content
    = std::visit([&](auto& y) { return save(at.item(1), y, nullptr); }, x);
  return value::vector({x.index(), std::move(content)});
}

template <class T>
value save(const typed_place& at, const T& x, const value* old) {
  check_shape<T>();
  if constexpr (
    native_shape<
      T> || real_shape<T> || integer_shape<T> || std::same_as<T, bool>) {
    return value{x};
  } else if constexpr (std::same_as<T, std::monostate>) {
    return value{};
  } else if constexpr (std::is_enum_v<T>) {
    return value{static_cast<enum_integer<T>>(x)};
  } else if constexpr (std::same_as<T, char>) {
    return save_character(at, static_cast<unsigned char>(x));
  } else if constexpr (std::same_as<T, char32_t>) {
    return save_character(at, x);
  } else if constexpr (std::same_as<T, std::string>) {
    return save_text(at, x);
  } else if constexpr (optional_shape<T>) {
    return x.has_value() ? save(at, *x, old) : value{};
  } else if constexpr (is_system_time<T>) {
    return save_time(at, x.time_since_epoch());
  } else if constexpr (is_instance<T, std::chrono::duration>) {
    return save(at, x.count(), nullptr);
  } else if constexpr (bytes_shape<T>) {
    return value{to_bytes(std::as_bytes(std::span{x}))};
  } else if constexpr (map_shape<T>) {
    return save_map(at, x, old);
  } else if constexpr (set_shape<T>) {
    return save_set(at, x);
  } else if constexpr (sequence_shape<T> || fixed_shape<T>) {
    return save_items(at, x);
  } else if constexpr (tuple_shape<T>) {
    return save_tuple(at, x);
  } else if constexpr (is_instance<T, std::variant>) {
    return save_variant(at, x);
  } else {
    check_record<T>();
    record_writer out{at, old};
    value_oarchive<T>{at, out, x}.run(nullptr);
    return std::move(out).finish();
  }
}

} // namespace larder::detail
