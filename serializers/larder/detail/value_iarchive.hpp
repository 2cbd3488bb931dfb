// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/typed_shapes.hpp"
#include "larder/detail/typed_support.hpp"

#include <boost/mpl/bool.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>

#include <algorithm>
#include <limits>

namespace larder::detail {

/// Converts `from`, which lies at `at`, into `x`.
template <class T>
void load(const typed_place& at, const value& from, T& x);

/// The loading archive (in the sense of Boost.Serialization) that `serialize`
/// of class `T` sees. It takes named members only, in any order.
template <class T>
class value_iarchive {
public:
  using is_loading = boost::mpl::bool_<true>;
  using is_saving = boost::mpl::bool_<false>;

  value_iarchive(const typed_place& at, const value& from, T& self)
    : at_(&at), from_(&from), self_(&self) {
    // nop
  }

  /// Runs `serialize` of class `T` with the version that wrote the record.
  /// @param base the name of `T` if the record is one of a derived class
  void run(const char* base) {
    constexpr unsigned newest = boost::serialization::version<T>::value;
    auto version = load_version(*at_, *from_, base, newest);
    boost::serialization::serialize_adl(*this, *self_, version);
  }

  template <class U>
  value_iarchive& operator>>(const boost::serialization::nvp<U>& x) {
    if constexpr (std::is_base_of_v<U, T>) {
      auto& base = boost::serialization::access::cast_reference<U, T>(*self_);
      if (std::addressof(base) == std::addressof(x.value())) {
        value_iarchive<U>{*at_, *from_, base}.run(x.name());
        return *this;
      }
    }
    auto found = find_member(*at_, *from_, x.name());
    if (found != nullptr)
      load(at_->member(x.name()), *found, x.value());
    else if constexpr (optional_shape<U>)
      x.value() = U{};
    else
      fail_missing(*at_, x.name());
    return *this;
  }

  template <class U>
  value_iarchive& operator>>(const U&) {
    static_assert(sizeof(U) == 0, "larder: a member without a name: write "
                                  "`ar & BOOST_SERIALIZATION_NVP(member)`");
    return *this;
  }

  template <class U>
  value_iarchive& operator&(const U& x) {
    return *this >> x;
  }

private:
  const typed_place* at_;
  const value* from_;
  T* self_;
};

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
    x = load_big_integer(at, from);
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
