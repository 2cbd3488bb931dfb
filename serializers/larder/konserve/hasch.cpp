// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/konserve/hasch.hpp"

#include "larder/detail/java_text.hpp"
#include "larder/detail/number_text.hpp"
#include "larder/detail/sha512.hpp"
#include "larder/detail/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace larder::konserve {

namespace {

/// What the bytes that stand for a value begin with.
enum class magic : uint8_t {
  nil = 0,
  boolean = 1,
  number = 2,
  string = 3,
  symbol = 4,
  keyword = 5,
  instant = 6,
  uuid = 7,
  list = 8,
  vector = 9,
  map = 10,
  set = 11,
  tagged = 12,
  bytes = 13,
};

/// Longer text and bytes are hashed right away.
constexpr size_t split_size = 1024;

/// How many bytes of each element count in maps and sets.
constexpr size_t combined_size = 32;

/// Turns values into bytes as hasch's protocol `PHashCoercion` does.
class coercer {
public:
  /// Appends the bytes that stand for `x`; returns false if there is an error.
  bool coerce(const value& x, bytes& out) {
    switch (x.type()) {
      case value::kind::nil:
        return put(magic::nil, "", out);
      case value::kind::boolean:
        return put(magic::boolean, x.as_boolean() ? ")" : "(", out);
      case value::kind::integer:
        return put(magic::number, std::to_string(x.as_integer()), out);
      case value::kind::big_integer:
        return check(x.as_big_integer().digits)
               && put(magic::number, x.as_big_integer().digits.str(), out);
      case value::kind::real:
        return put(magic::number, detail::java_text(x.as_real()), out);
      case value::kind::decimal:
        return coerce_decimal(x.as_decimal(), out);
      case value::kind::character:
        return coerce_character(x.as_character(), out);
      case value::kind::string:
        return coerce_text(magic::string, x.as_string(), out);
      case value::kind::keyword:
        return coerce_text(magic::keyword, ":" + std::string{x.as_string()},
                           out);
      case value::kind::symbol:
        return coerce_text(magic::symbol, x.as_string(), out);
      case value::kind::bytes:
        return put(magic::bytes, "", out) && put_safe(x.as_bytes(), out);
      case value::kind::uuid:
        return put(magic::uuid, to_string(x.as_uuid()), out);
      case value::kind::instant:
        return put(magic::instant, std::to_string(x.as_instant()), out);
      case value::kind::vector:
        return coerce_items(magic::vector, x.items(), out);
      case value::kind::list:
        return coerce_items(magic::list, x.items(), out);
      case value::kind::set:
        return coerce_set(x.items(), out);
      case value::kind::map:
        return coerce_map(x.entries(), out);
      case value::kind::tagged:
        return check(x.tag())
               && coerce_pair(magic::tagged, value::symbol(x.tag()),
                              x.content(), out);
    }
    return refuse(errc::internal, "unknown kind of value");
  }

  tl::unexpected<error> failure() const {
    return fail(
      code_, fmt::format("cannot hash the value as hasch does: {}", problem_));
  }

private:
  bool refuse(errc code, const char* why) {
    code_ = code;
    problem_ = why;
    return false;
  }

  bool check(std::string_view str) {
    return is_utf8(str)
           || refuse(errc::invalid_argument,
                     "a string, keyword, symbol or tag is not UTF-8");
  }

  bool check(const boost::multiprecision::cpp_int& x) {
    return !detail::has_too_many_digits(x)
           || refuse(errc::limit_exceeded, "a number has too many digits");
  }

  static bool put(magic m, std::string_view content, bytes& out) {
    out.push_back(static_cast<std::byte>(m));
    append(out, as_bytes(content));
    return true;
  }

  /// Appends `xs` and a byte for each that tells small values from others, so
  /// that no content looks like the start of something else.
  static bool put_safe(bytes_view xs, bytes& out) {
    if (xs.size() >= split_size) {
      append(out, detail::sha512_of(xs));
      return true;
    }
    append(out, xs);
    for (auto x : xs)
      out.push_back(std::byte{x > std::byte{0} && x < std::byte{30}});
    return true;
  }

  bool coerce_text(magic m, std::string_view str, bytes& out) {
    return check(str) && put(m, "", out) && put_safe(as_bytes(str), out);
  }

  bool coerce_character(char32_t x, bytes& out) {
    if (!detail::is_code_point(x))
      return refuse(errc::invalid_argument,
                    "a character is no Unicode code point");
    std::string str;
    detail::append_utf8(str, x);
    return coerce_text(magic::string, str, out);
  }

  bool coerce_decimal(const decimal& x, bytes& out) {
    if (!check(x.unscaled))
      return false;
    std::string str;
    detail::append_decimal(str, x);
    return put(magic::number, str, out);
  }

  /// Items in order: the hash of all that stands for them. hasch looks at the
  /// first item without asking whether there is one, and sees nil.
  bool coerce_items(magic m, std::span<const value> xs, bytes& out) {
    static const value nil;
    if (xs.empty())
      xs = {&nil, 1};
    detail::sha512 hash;
    bytes buf;
    for (auto& x : xs) {
      buf.clear();
      if (!coerce(x, buf))
        return false;
      hash.update(buf);
    }
    put(m, "", out);
    append(out, hash.finish());
    return true;
  }

  bool coerce_pair(magic m, const value& x, const value& y, bytes& out) {
    const value xs[] = {x, y};
    return coerce_items(m, xs, out);
  }

  /// Combines `xs[0..31]` with the last bytes of `out`, in any order.
  static void combine(bytes_view xs, bytes& out) {
    auto sum = out.end() - combined_size;
    for (size_t i = 0; i < combined_size; ++i)
      *sum++ ^= xs[i];
  }

  bool coerce_set(std::span<const value> xs, bytes& out) {
    put(magic::set, "", out);
    if (!xs.empty())
      out.resize(out.size() + combined_size);
    bytes buf;
    for (auto& x : xs) {
      buf.clear();
      if (!coerce(x, buf))
        return false;
      combine(detail::sha512_of(buf), out);
    }
    return true;
  }

  /// Entries count as vectors of two.
  bool coerce_map(std::span<const value::entry> xs, bytes& out) {
    put(magic::map, "", out);
    if (!xs.empty())
      out.resize(out.size() + combined_size);
    bytes buf;
    for (auto& [key, val] : xs) {
      buf.clear();
      if (!coerce_pair(magic::vector, key, val, buf))
        return false;
      combine(buf, out);
    }
    return true;
  }

  errc code_ = errc::internal;
  const char* problem_ = "";
};

} // namespace

expected<hasch_digest> hasch(const value& x, const limits& lim) {
  if (x.depth() > lim.max_depth)
    return fail(errc::limit_exceeded,
                fmt::format("cannot hash a value that is nested {} deep, at "
                            "most {} are allowed",
                            x.depth(), lim.max_depth));
  coercer state;
  bytes buf;
  if (!state.coerce(x, buf))
    return state.failure();
  return detail::sha512_of(buf);
}

expected<uuid> hasch_uuid(const value& x, const limits& lim) {
  return hasch(x, lim).map([](const hasch_digest& digest) {
    uuid result;
    std::copy_n(digest.begin(), result.data.size(), result.data.begin());
    result.data[0] &= std::byte{0x3F};
    result.data[6] = (result.data[6] | std::byte{0x50}) & std::byte{0x5F};
    result.data[8] = (result.data[8] | std::byte{0x80}) & std::byte{0xBF};
    return result;
  });
}

expected<std::string> file_name(const value& key, const limits& lim) {
  return hasch_uuid(key, lim).map(
    [](const uuid& id) { return to_string(id) + ".ksv"; });
}

} // namespace larder::konserve
