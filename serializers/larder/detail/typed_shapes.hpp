// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Sorts C++ types by how they are represented as values.

#pragma once

#include "larder/value.hpp"

#include <boost/optional/optional_fwd.hpp>
#include <boost/serialization/access.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace larder::detail {

// -- templates ----------------------------------------------------------------

template <class T, template <class...> class Template>
inline constexpr bool is_instance = false;

template <template <class...> class Template, class... Ts>
inline constexpr bool is_instance<Template<Ts...>, Template> = true;

template <class T>
inline constexpr bool is_std_array = false;

template <class T, size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_system_time = false;

template <class Period>
inline constexpr bool is_system_time<std::chrono::time_point<
  std::chrono::system_clock, std::chrono::duration<int64_t, Period>>> = true;

/// Whether a duration has ticks longer than the milliseconds of an instant.
template <class D>
inline constexpr bool is_coarse
  = std::ratio_greater_v<typename D::period, std::milli>;

// -- shapes -------------------------------------------------------------------

/// What a value holds as it is.
template <class T>
concept native_shape = one_of<T, value, uuid, big_integer, decimal>;

template <class T>
concept integer_shape
  = std::integral<T> && sizeof(T) <= sizeof(int64_t)
    && !one_of<T, bool, char, char8_t, char16_t, char32_t, wchar_t>;

template <class T>
concept real_shape = one_of<T, float, double>;

/// The 64-bit integer type that holds every value of an enum.
template <class T>
using enum_integer
  = std::conditional_t<std::is_signed_v<std::underlying_type_t<T>>, int64_t,
                       uint64_t>;

template <class T>
concept optional_shape
  = is_instance<T, std::optional> || is_instance<T, boost::optional>;

template <class T>
concept octet = one_of<T, std::byte, unsigned char>;

/// A sequence of bytes, of any or of fixed size.
template <class T>
inline constexpr bool is_bytes = false;

template <octet T, class Allocator>
inline constexpr bool is_bytes<std::vector<T, Allocator>> = true;

template <octet T, size_t N>
inline constexpr bool is_bytes<std::array<T, N>> = true;

template <class T>
concept bytes_shape = is_bytes<T>;

template <class T>
concept tuple_shape = is_instance<T, std::pair> || is_instance<T, std::tuple>;

template <class T>
concept fixed_shape = is_std_array<T> || std::is_bounded_array_v<T>;

/// Whatever iterates like a standard container and takes items.
template <class T>
concept container = requires(T x, const T& y, typename T::value_type item) {
  x.clear();
  y.begin() == y.end();
  { y.size() } -> std::convertible_to<size_t>;
  x.insert(x.end(), std::move(item));
};

/// A container that has each key once.
template <class T>
concept keyed_container
  = container<T> && requires(T x, typename T::value_type item) {
  typename T::key_type;
  { x.insert(std::move(item)).second } -> std::convertible_to<bool>;
};

template <class T>
concept map_shape = keyed_container<T> && requires {
  typename T::mapped_type;
};

template <class T>
concept set_shape = keyed_container<T> && !map_shape<T>;

template <class T>
concept sequence_shape
  = container<T> && !keyed_container<T> && !std::same_as<T, std::string>;

/// The type of an item once it stands alone: that of maps has a constant key.
template <class T>
struct item_type {
  using type = typename T::value_type;
};

template <class T>
requires requires {
  typename T::mapped_type;
}
struct item_type<T> {
  using type = std::pair<typename T::key_type, typename T::mapped_type>;
};

// -- refusals -----------------------------------------------------------------

template <class T>
inline constexpr bool is_pointer_like = std::is_pointer_v<T>;

template <class T>
inline constexpr bool is_pointer_like<std::shared_ptr<T>> = true;

template <class T>
inline constexpr bool is_pointer_like<std::weak_ptr<T>> = true;

template <class T, class D>
inline constexpr bool is_pointer_like<std::unique_ptr<T, D>> = true;

/// Fails to compile, saying why, for types that have no representation.
template <class T>
constexpr void check_shape() {
  static_assert(!is_pointer_like<T>,
                "larder: a pointer cannot be stored, because a value has no "
                "identity: make the member a value, a std::optional or a "
                "container");
  static_assert(!std::same_as<T, long double>,
                "larder: a long double cannot be stored without loss: use a "
                "double or larder::decimal");
  if constexpr (optional_shape<T>) {
    using content = typename T::value_type;
    static_assert(!optional_shape<content> && !std::same_as<content, value>,
                  "larder: an optional of something that may itself be nil "
                  "cannot be told from an empty one");
  }
}

/// Every type that no other shape takes must bring `serialize`.
template <class T>
constexpr void check_record() {
  static_assert(std::is_class_v<T>,
                "larder: this type has no representation as a value: use a "
                "class with a Boost.Serialization serialize function, an "
                "integer, a char, a char32_t, a double or a std::string");
}

// -- construction -------------------------------------------------------------

/// A default-constructed object, also of a class whose default constructor is
/// private but open to boost::serialization::access.
template <class T>
class blank {
public:
  blank() {
    // Value-initialization leaves no member undefined.
    if constexpr (std::is_default_constructible_v<T>)
      ::new (static_cast<void*>(raw_)) T();
    else
      boost::serialization::access::construct(reinterpret_cast<T*>(raw_));
  }

  blank(const blank&) = delete;
  blank& operator=(const blank&) = delete;

  ~blank() {
    get().~T();
  }

  T& get() noexcept {
    return *std::launder(reinterpret_cast<T*>(raw_));
  }

private:
  alignas(T) std::byte raw_[sizeof(T)];
};

} // namespace larder::detail
