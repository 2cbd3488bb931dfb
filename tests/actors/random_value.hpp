// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/wire.hpp"
#include "larder/number.hpp"
#include "larder/value.hpp"

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace larder::test {

using random_source = std::mt19937_64;

/// A number from 0 to `last`.
inline uint64_t pick(random_source& rng, uint64_t last) {
  return std::uniform_int_distribution<uint64_t>{0, last}(rng);
}

inline std::string random_text(random_source& rng) {
  static constexpr const char* pieces[] = {"a",
                                           "Z",
                                           "0",
                                           " ",
                                           "\n",
                                           "\"",
                                           "\xC3\xA4",
                                           "\xE2\x82\xAC",
                                           "\xF0\x9F\x98\x80"};
  std::string result;
  for (auto n = pick(rng, 8); n > 0; --n)
    result += pieces[pick(rng, std::size(pieces) - 1)];
  return result;
}

inline bytes random_bytes(random_source& rng, size_t max_size) {
  bytes result(pick(rng, max_size));
  for (auto& x : result)
    x = static_cast<std::byte>(rng());
  return result;
}

inline boost::multiprecision::cpp_int big(random_source& rng) {
  boost::multiprecision::cpp_int result{rng()};
  result <<= 64 + static_cast<int>(pick(rng, 64));
  result += 1;
  return rng() % 2 == 0 ? result : boost::multiprecision::cpp_int{-result};
}

/// A value of any kind, nested up to `depth`.
inline value random_value(random_source& rng, size_t depth = 3) {
  auto many = [&] {
    std::vector<value> xs;
    for (auto n = pick(rng, 4); n > 0; --n)
      xs.push_back(random_value(rng, depth - 1));
    return xs;
  };
  switch (pick(rng, depth > 0 ? 17 : 12)) {
    case 0:
      return {};
    case 1:
      return rng() % 2 == 0;
    case 2:
      return static_cast<int64_t>(rng() >> pick(rng, 63));
    case 3:
      return big_integer{big(rng)};
    case 4: {
      static constexpr double special[]
        = {0.0,
           -0.0,
           0.1,
           std::numeric_limits<double>::quiet_NaN(),
           std::numeric_limits<double>::infinity(),
           -std::numeric_limits<double>::infinity(),
           std::numeric_limits<double>::denorm_min()};
      return special[pick(rng, std::size(special) - 1)];
    }
    case 5:
      return decimal{big(rng), static_cast<int32_t>(pick(rng, 40)) - 20};
    case 6:
      return U'\u20AC';
    case 7:
      return random_text(rng);
    case 8:
      return value::keyword(rng() % 2 == 0 ? "name" : "space/name");
    case 9:
      return value::symbol("symbol");
    case 10:
      return random_bytes(rng, 20);
    case 11:
      return uuid::random();
    case 12:
      return value::instant(static_cast<int64_t>(pick(rng, 1'000'000'000'000)));
    case 13:
      return value::vector(many());
    case 14:
      return value::list(many());
    case 15:
      return value::set(many());
    case 16: {
      std::vector<value::entry> xs;
      for (auto& key : many())
        xs.emplace_back(key, random_value(rng, depth - 1));
      return value::map(std::move(xs));
    }
    default:
      return value::tagged("my/tag", random_value(rng, depth - 1));
  }
}

// -- fields of messages -------------------------------------------------------

inline void randomize(random_source& rng, value& x) {
  x = random_value(rng);
}

inline void randomize(random_source& rng, std::string& x) {
  x = random_text(rng);
}

inline void randomize(random_source& rng, bool& x) {
  x = rng() % 2 == 0;
}

inline void randomize(random_source& rng, uint64_t& x) {
  x = rng() >> pick(rng, 63);
}

inline void randomize(random_source& rng, int64_t& x) {
  x = static_cast<int64_t>(rng());
}

template <detail::checked_enum T>
void randomize(random_source& rng, T& x) {
  do {
    x = static_cast<T>(rng() % 8);
  } while (!is_valid(x));
}

inline void randomize(random_source& rng, error& x) {
  std::string message;
  randomize(rng, message);
  x = error{static_cast<errc>(1 + rng() % 25), message, rng() % 2 == 1};
}

inline void randomize(random_source& rng, std::chrono::milliseconds& x) {
  x = std::chrono::milliseconds{static_cast<int32_t>(rng())};
}

inline void randomize(random_source& rng, revision& x) {
  for (auto& y : x.data)
    y = static_cast<std::byte>(rng());
}

inline void randomize(random_source&, uuid& x) {
  x = uuid::random();
}

template <class T>
void randomize(random_source& rng, std::optional<T>& x);
template <class T>
void randomize(random_source& rng, std::vector<T>& xs);
inline void randomize(random_source& rng, std::optional<error>& x) {
  x.reset();
  if (rng() % 2 == 0)
    randomize(rng, x.emplace(errc::internal, ""));
}

template <class... Ts>
void randomize(random_source& rng, std::variant<Ts...>& x);
template <detail::message_struct T>
void randomize(random_source& rng, T& x);

inline void randomize(random_source& rng, metadata& x) {
  randomize(rng, x.key);
  randomize(rng, x.type);
  randomize(rng, x.last_write);
  x.extras = value::map({{value::keyword("extra"), random_value(rng)}});
  randomize(rng, x.rev);
  randomize(rng, x.expiry);
}

inline void randomize(random_source& rng, std::shared_ptr<const bytes>& x) {
  if (rng() % 4 == 0)
    x = nullptr;
  else
    x = std::make_shared<const bytes>(random_bytes(rng, 200));
}

template <class T>
void randomize(random_source& rng, std::optional<T>& x) {
  x.reset();
  if (rng() % 2 == 0)
    randomize(rng, x.emplace());
}

template <class T>
void randomize(random_source& rng, std::vector<T>& xs) {
  xs.resize(pick(rng, 4));
  for (auto& x : xs)
    randomize(rng, x);
}

template <class... Ts>
void randomize(random_source& rng, std::variant<Ts...>& x) {
  auto number = rng() % sizeof...(Ts);
  [&]<size_t... Is>(std::index_sequence<Is...>) {
    ((Is == number ? randomize(rng, x.template emplace<Is>()) : void()), ...);
  }
  (std::index_sequence_for<Ts...>{});
}

template <detail::message_struct T>
void randomize(random_source& rng, T& x) {
  std::apply([&](auto&... fields) { (randomize(rng, fields), ...); },
             T::fields(x));
}

} // namespace larder::test
