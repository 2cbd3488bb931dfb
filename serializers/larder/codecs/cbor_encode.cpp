// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor.hpp"
#include "larder/detail/instant.hpp"
#include "larder/number.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

namespace larder::detail::cbor {

namespace {

using boost::multiprecision::cpp_int;

constexpr int float_bias = 127;
constexpr int float_fraction_bits = 23;
constexpr int half_fraction_bits = 10;

/// Returns the half precision float with the value of `x`, or -1.
int32_t as_half(float x) noexcept {
  auto bits = std::bit_cast<uint32_t>(x);
  auto sign = static_cast<int32_t>(bits >> 31) << 15;
  auto exponent = static_cast<int>((bits >> float_fraction_bits) & 0xFF)
                  - float_bias;
  auto fraction = bits & 0x7FFFFF;
  if (x == 0)
    return sign;
  if (exponent == 128) // infinity: NaN never comes here
    return sign | 0x7C00;
  if (exponent > 15 || exponent < -24)
    return -1;
  auto surplus = float_fraction_bits - half_fraction_bits;
  if (exponent < -14) { // subnormal: the leading 1 becomes explicit
    surplus += -14 - exponent;
    fraction |= 0x800000;
    exponent = -15;
  }
  if ((fraction & ((1u << surplus) - 1)) != 0)
    return -1;
  return sign | (exponent + 15) << half_fraction_bits
         | static_cast<int32_t>(fraction >> surplus);
}

bool fits_float(double x) noexcept {
  if (std::isinf(x))
    return true;
  return std::abs(x) <= std::numeric_limits<float>::max()
         && static_cast<double>(static_cast<float>(x)) == x;
}

/// Whether `key_rank` orders keys of this kind.
bool has_simple_order(const value& x) noexcept {
  return x.is(value::kind::string) || x.is(value::kind::keyword)
         || x.is(value::kind::integer);
}

/// What the encoding of a key of simple kind is ordered by: text by length
/// first, negative integers behind the others with -1 in front.
struct key_rank {
  uint64_t number;
  std::string_view text;
  const value::entry* entry;

  explicit key_rank(const value::entry& x) : entry(&x) {
    if (x.first.is(value::kind::integer)) {
      constexpr auto sign = uint64_t{1} << 63;
      auto i = x.first.as_integer();
      number = i < 0 ? sign | static_cast<uint64_t>(~i)
                     : static_cast<uint64_t>(i);
    } else {
      text = x.first.as_string();
      number = text.size();
    }
  }

  friend bool operator<(const key_rank& x, const key_rank& y) noexcept {
    return x.number != y.number ? x.number < y.number : x.text < y.text;
  }
};

/// Whether decoders make another kind of value of an object of this type.
bool has_own_meaning(std::string_view type) noexcept {
  return type == type_character || type == type_sorted_map
         || type == type_sorted_set || type == type_with_metadata;
}

/// Returns the number in `cbor/30` if the element is written with that tag.
std::optional<uint64_t> opaque_tag(std::string_view tag) noexcept {
  if (!tag.starts_with(opaque_prefix))
    return std::nullopt;
  auto digits = tag.substr(opaque_prefix.size());
  uint64_t result = 0;
  auto end = digits.data() + digits.size();
  auto [ptr, err] = std::from_chars(digits.data(), end, result);
  if (err != std::errc{} || ptr != end || digits.starts_with('0')
      || !is_opaque_tag(result))
    return std::nullopt;
  return result;
}

/// Writes one value behind what the buffer holds. The buffer is larger than
/// what is in use until `finish` so that most writes need no more than a look
/// at its size.
class encoder {
public:
  explicit encoder(bytes& out) : out_(out), pos_(out.size()) {
    // nop
  }

  void finish() {
    out_.resize(pos_);
  }

  const char* problem() const noexcept {
    return problem_;
  }

  /// Returns false if there is a problem.
  bool write(const value& x) {
    switch (x.type()) {
      case value::kind::nil:
        return put(0xF6);
      case value::kind::boolean:
        return put(x.as_boolean() ? 0xF5 : 0xF4);
      case value::kind::integer:
        return write_integer(x.as_integer());
      case value::kind::big_integer:
        return write_number(x.as_big_integer().digits);
      case value::kind::real:
        return write_real(x.as_real());
      case value::kind::decimal:
        return write_decimal(x.as_decimal());
      case value::kind::character:
        return write_character(x.as_character());
      case value::kind::string:
        return write_text(x.as_string());
      case value::kind::keyword:
        return write_keyword(x.as_string());
      case value::kind::symbol:
        return write_symbol(x.as_string());
      case value::kind::bytes:
        return head(major::bytes, x.size()) && copy(x.as_bytes());
      case value::kind::uuid:
        return head(major::tag, tag_uuid) && head(major::bytes, 16)
               && copy(x.as_uuid().data);
      case value::kind::instant:
        return write_instant(x.as_instant());
      case value::kind::vector:
        return write_items(x);
      case value::kind::list:
        return begin_object(type_list) && write_items(x);
      case value::kind::set:
        return head(major::tag, tag_set) && write_items(x);
      case value::kind::map:
        return write_map(x.entries());
      case value::kind::tagged:
        return write_tagged(x);
    }
    return refuse("unknown kind of value");
  }

private:
  // -- bytes ------------------------------------------------------------------

  /// Makes room for `n` bytes and returns where they go.
  std::byte* claim(size_t n) {
    if (out_.size() - pos_ < n) {
      constexpr size_t smallest = 64;
      out_.resize(std::max({out_.size() * 2, pos_ + n, smallest}));
    }
    auto result = out_.data() + pos_;
    pos_ += n;
    return result;
  }

  bool put(uint8_t x) {
    *claim(1) = static_cast<std::byte>(x);
    return true;
  }

  bool copy(bytes_view xs) {
    if (!xs.empty())
      memcpy(claim(xs.size()), xs.data(), xs.size());
    return true;
  }

  /// Writes `x` in the fewest bytes.
  bool head(major m, uint64_t x) {
    auto first = static_cast<uint8_t>(static_cast<unsigned>(m) << 5);
    if (x < 24)
      return put(static_cast<uint8_t>(first | x));
    if (x <= 0xFF)
      return put_sized(first | 24, static_cast<uint8_t>(x));
    if (x <= 0xFFFF)
      return put_sized(first | 25, static_cast<uint16_t>(x));
    if (x <= 0xFFFF'FFFF)
      return put_sized(first | 26, static_cast<uint32_t>(x));
    return put_sized(first | 27, x);
  }

  template <class T>
  bool put_sized(int first, T x) {
    auto dst = claim(1 + sizeof(T));
    *dst = static_cast<std::byte>(first);
    store_big_endian(dst + 1, x);
    return true;
  }

  bool refuse(const char* why) {
    problem_ = why;
    return false;
  }

  // -- numbers ----------------------------------------------------------------

  bool write_integer(int64_t x) {
    return x < 0 ? head(major::negative, static_cast<uint64_t>(~x))
                 : head(major::natural, static_cast<uint64_t>(x));
  }

  bool write_number(const cpp_int& x) {
    auto negative = x.sign() < 0;
    cpp_int content = negative ? cpp_int{-x - 1} : x;
    if (content <= std::numeric_limits<uint64_t>::max())
      return head(negative ? major::negative : major::natural,
                  static_cast<uint64_t>(content));
    std::vector<uint8_t> digits;
    export_bits(content, std::back_inserter(digits), 8);
    return head(major::tag, negative ? tag_big_negative : tag_big_natural)
           && head(major::bytes, digits.size())
           && copy(std::as_bytes(std::span{digits}));
  }

  bool write_decimal(const decimal& x) {
    return head(major::tag, tag_decimal) && head(major::array, 2)
           && write_integer(-static_cast<int64_t>(x.scale))
           && write_number(x.unscaled);
  }

  bool write_real(double x) {
    if (std::isnan(x))
      return put_sized(0xF9, uint16_t{0x7E00});
    if (!fits_float(x))
      return put_sized(0xFB, std::bit_cast<uint64_t>(x));
    auto single = static_cast<float>(x);
    if (auto half = as_half(single); half >= 0)
      return put_sized(0xF9, static_cast<uint16_t>(half));
    return put_sized(0xFA, std::bit_cast<uint32_t>(single));
  }

  // -- text -------------------------------------------------------------------

  bool check(std::string_view str) {
    return is_utf8(str)
           || refuse("a string, keyword, symbol or tag is not UTF-8");
  }

  bool write_text(std::string_view str) {
    return check(str) && head(major::text, str.size()) && copy(as_bytes(str));
  }

  bool write_keyword(std::string_view name) {
    return check(name) && head(major::tag, tag_identifier)
           && head(major::text, name.size() + 1) && put(':')
           && copy(as_bytes(name));
  }

  bool write_symbol(std::string_view name) {
    auto begun = name.starts_with(':') ? begin_object(type_symbol)
                                       : head(major::tag, tag_identifier);
    return begun && write_text(name);
  }

  bool write_character(char32_t x) {
    if (x > 0x10FFFF || (x >= 0xD800 && x <= 0xDFFF))
      return refuse("a character is no Unicode code point");
    char buf[4];
    size_t n = 0;
    auto add = [&](char32_t bits) { buf[n++] = static_cast<char>(bits); };
    auto follow = [&](int shift) { add(0x80 | ((x >> shift) & 0x3F)); };
    if (x < 0x80) {
      add(x);
    } else if (x < 0x800) {
      add(0xC0 | x >> 6);
      follow(0);
    } else if (x < 0x10000) {
      add(0xE0 | x >> 12);
      follow(6);
      follow(0);
    } else {
      add(0xF0 | x >> 18);
      follow(12);
      follow(6);
      follow(0);
    }
    return begin_object(type_character) && write_text({buf, n});
  }

  bool write_instant(int64_t ms) {
    if (ms < min_rfc3339 || ms > max_rfc3339)
      return begin_object(type_instant) && write_integer(ms);
    auto str = format_instant(ms);
    return head(major::tag, tag_date_time) && head(major::text, str.size())
           && copy(std::as_bytes(std::span{str}));
  }

  // -- collections ------------------------------------------------------------

  bool begin_object(std::string_view type) {
    return head(major::tag, tag_object) && head(major::array, 2)
           && write_text(type);
  }

  bool write_items(const value& x) {
    auto xs = x.items();
    head(major::array, xs.size());
    return std::all_of(xs.begin(), xs.end(),
                       [this](const value& item) { return write(item); });
  }

  bool write_map(std::span<const value::entry> xs) {
    head(major::map, xs.size());
    if (xs.empty())
      return true;
    auto kind = xs.front().first.type();
    // Keys ascend by kind, so the first and the last tell all.
    if (!has_simple_order(xs.front().first) || !xs.back().first.is(kind))
      return write_mixed_entries(xs);
    auto first = order_.size();
    for (auto& x : xs)
      order_.emplace_back(x);
    std::sort(order_.begin() + static_cast<ptrdiff_t>(first), order_.end());
    for (size_t i = 0; i < xs.size(); ++i) {
      auto& [key, val] = *order_[first + i].entry; // writing moves the vector
      if (!write(key) || !write(val))
        return false;
    }
    order_.erase(order_.begin() + static_cast<ptrdiff_t>(first), order_.end());
    return true;
  }

  bool write_mixed_entries(std::span<const value::entry> xs) {
    std::vector<std::pair<bytes, const value*>> sorted;
    sorted.reserve(xs.size());
    for (auto& [key, val] : xs) {
      auto& buf = sorted.emplace_back(bytes{}, &val).first;
      encoder enc{buf};
      if (!enc.write(key))
        return refuse(enc.problem());
      enc.finish();
    }
    std::sort(sorted.begin(), sorted.end(), [](auto& x, auto& y) {
      return as_chars(x.first) < as_chars(y.first);
    });
    return std::all_of(sorted.begin(), sorted.end(), [this](auto& x) {
      return copy(x.first) && write(*x.second);
    });
  }

  bool write_tagged(const value& x) {
    auto tag = x.tag();
    if (value::is_reserved_tag(tag))
      return refuse("a tagged element has the tag of another kind");
    if (auto number = opaque_tag(tag))
      return head(major::tag, *number) && write(x.content());
    if (has_own_meaning(tag))
      return begin_object(type_tagged) && head(major::array, 2)
             && write_text(tag) && write(x.content());
    return begin_object(tag) && write(x.content());
  }

  bytes& out_;
  size_t pos_;
  const char* problem_ = nullptr;
  std::vector<key_rank> order_; // of all maps being written
};

} // namespace

expected<void> encode(const value& x, bytes& out) {
  auto start = out.size();
  encoder enc{out};
  if (!enc.write(x)) {
    out.resize(start);
    return fail(errc::invalid_argument, std::string{"cbor: "} + enc.problem());
  }
  enc.finish();
  return {};
}

} // namespace larder::detail::cbor
