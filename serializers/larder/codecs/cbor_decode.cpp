// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor.hpp"
#include "larder/detail/instant.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace larder::detail::cbor {

namespace {

using boost::multiprecision::cpp_int;

constexpr uint8_t indefinite = 31;

/// Input of fewer bytes is decoded without a cache of keys.
constexpr size_t small_input = 1024;

constexpr size_t recent_key_slots = 64;

constexpr auto break_code = std::byte{0xFF};

constexpr uint64_t max_int64 = std::numeric_limits<int64_t>::max();

/// The start of a data item.
struct head {
  enum major major;
  uint8_t info;
  uint64_t argument;

  bool is(enum major m) const noexcept {
    return major == m;
  }

  bool is_indefinite() const noexcept {
    return info == indefinite;
  }
};

double from_half(uint64_t bits) noexcept {
  auto exponent = static_cast<int>((bits >> 10) & 0x1F);
  auto fraction = static_cast<double>(bits & 0x3FF);
  auto result = exponent == 0 ? std::ldexp(fraction, -24)
                              : std::ldexp(fraction + 1024, exponent - 25);
  if (exponent == 31)
    result = fraction == 0 ? std::numeric_limits<double>::infinity()
                           : std::numeric_limits<double>::quiet_NaN();
  return (bits & 0x8000) != 0 ? -result : result;
}

class decoder {
public:
  explicit decoder(bytes_view in)
    : begin_(in.data()),
      pos_(in.data()),
      end_(in.data() + in.size()),
      reservable_(in.size()),
      recent_keys_(in.size() < small_input ? 0 : recent_key_slots) {
    // nop
  }

  expected<value> run(size_t max_depth) {
    constexpr std::byte prefix[]
      = {std::byte{0xD9}, std::byte{0xD9}, std::byte{0xF7}};
    static_assert(tag_self_described == 0xD9F7);
    if (rest() > sizeof(prefix) && memcmp(pos_, prefix, sizeof(prefix)) == 0)
      pos_ += sizeof(prefix);
    value result;
    if (!read(result, max_depth))
      return larder::fail(code_, std::move(message_));
    if (pos_ != end_) {
      corrupt("something follows the value");
      return larder::fail(code_, std::move(message_));
    }
    return result;
  }

private:
  // -- bytes ------------------------------------------------------------------

  size_t rest() const noexcept {
    return static_cast<size_t>(end_ - pos_);
  }

  bool fail(errc code, std::string_view what) {
    code_ = code;
    message_ = fmt::format("cbor: {} at byte {}", what, pos_ - begin_);
    return false;
  }

  bool corrupt(std::string_view what) {
    return fail(errc::corruption, what);
  }

  bool read_head(head& x) {
    if (pos_ == end_)
      return corrupt("the input is cut off");
    auto first = std::to_integer<uint8_t>(*pos_);
    x.major = static_cast<major>(first >> 5);
    x.info = first & 31;
    x.argument = x.info;
    if (x.info < 24) {
      ++pos_;
      return true;
    }
    if (x.info <= 27) {
      auto size = size_t{1} << (x.info - 24);
      if (rest() <= size)
        return corrupt("the input is cut off");
      uint64_t argument = 0;
      for (size_t i = 1; i <= size; ++i)
        argument = argument << 8 | std::to_integer<uint64_t>(pos_[i]);
      x.argument = argument;
      pos_ += 1 + size;
      return true;
    }
    auto may_be_indefinite = x.major >= major::bytes && x.major <= major::map;
    if (x.info != indefinite || !may_be_indefinite)
      return corrupt("a data item begins in no known way");
    x.argument = 0;
    ++pos_;
    return true;
  }

  bool expect(head& x, major m, std::string_view what) {
    return read_head(x) && (x.is(m) || corrupt(what));
  }

  /// Takes the end of something of indefinite length.
  bool take_break() noexcept {
    if (pos_ == end_ || *pos_ != break_code)
      return false;
    ++pos_;
    return true;
  }

  /// Takes the bytes of one definite string.
  bool take(uint64_t size, bytes_view& xs) {
    if (size > rest())
      return corrupt("a string is longer than the input");
    xs = {pos_, static_cast<size_t>(size)};
    pos_ += size;
    return true;
  }

  /// Reads the content of a byte or text string. `xs` refers to the input, or
  /// to `storage` for one in chunks.
  bool read_string(const head& x, bytes_view& xs, bytes& storage) {
    auto check = [&] {
      return x.is(major::bytes) || is_utf8(as_chars(xs))
             || corrupt("a text string is not UTF-8");
    };
    if (!x.is_indefinite())
      return take(x.argument, xs) && check();
    while (!take_break()) {
      head chunk;
      if (!expect(chunk, x.major, "a string has a chunk of another type"))
        return false;
      if (chunk.is_indefinite())
        return corrupt("a string has a chunk of indefinite length");
      // Each chunk is text of its own: RFC 8949, section 3.2.3.
      if (!take(chunk.argument, xs) || !check())
        return false;
      append(storage, xs);
    }
    xs = storage;
    return true;
  }

  bool read_text(std::string_view& str, bytes& storage, std::string_view what) {
    head x;
    bytes_view xs;
    if (!expect(x, major::text, what) || !read_string(x, xs, storage))
      return false;
    str = as_chars(xs);
    return true;
  }

  // -- values -----------------------------------------------------------------

  bool read(value& result, size_t depth) {
    head x;
    if (!read_head(x))
      return false;
    switch (x.major) {
      case major::natural:
      case major::negative:
        result = integer(x);
        return true;
      case major::bytes:
        return read_bytes(x, result);
      case major::text:
        return read_string_value(x, result);
      case major::array: {
        std::vector<value> items;
        if (!read_items(x, items, depth))
          return false;
        result = value::vector(std::move(items));
        return true;
      }
      case major::map:
        return read_map(x, result, depth);
      case major::tag:
        return read_tag(x.argument, result, depth);
      case major::simple:
        break;
    }
    return read_simple(x, result);
  }

  bool read_simple(const head& x, value& result) {
    switch (x.info) {
      case 20:
      case 21:
        result = x.info == 21;
        return true;
      case 22:
        result = value{};
        return true;
      case 25:
        result = from_half(x.argument);
        return true;
      case 26:
        result
          = double{std::bit_cast<float>(static_cast<uint32_t>(x.argument))};
        return true;
      case 27:
        result = std::bit_cast<double>(x.argument);
        return true;
      default:
        return corrupt("a simple value has no meaning here");
    }
  }

  static value integer(const head& x) {
    if (x.argument > max_int64) {
      cpp_int digits = x.argument;
      return big_integer{x.is(major::natural) ? digits : cpp_int{-1 - digits}};
    }
    auto n = static_cast<int64_t>(x.argument);
    return x.is(major::natural) ? n : ~n;
  }

  bool read_bytes(const head& x, value& result) {
    bytes storage;
    bytes_view xs;
    if (!read_string(x, xs, storage))
      return false;
    result = x.is_indefinite() ? std::move(storage) : to_bytes(xs);
    return true;
  }

  bool read_string_value(const head& x, value& result) {
    bytes storage;
    bytes_view xs;
    if (!read_string(x, xs, storage))
      return false;
    result = as_chars(xs);
    return true;
  }

  // -- collections ------------------------------------------------------------

  bool enter(size_t depth) {
    return depth > 0
           || fail(errc::limit_exceeded, "the value is nested too deep");
  }

  /// Checks a declared number of items of `width` bytes at least, and allots
  /// memory for them. No input makes all collections together reserve more
  /// items than it has bytes, however they are nested.
  bool allot(uint64_t count, size_t width, size_t& reserve) {
    if (count > rest() / width)
      return corrupt("a collection is longer than the input");
    reserve = std::min(static_cast<size_t>(count), reservable_ / width);
    reservable_ -= reserve * width;
    return true;
  }

  bool read_items(const head& x, std::vector<value>& items, size_t depth) {
    if (!enter(depth))
      return false;
    if (x.is_indefinite()) {
      while (!take_break())
        if (!read(items.emplace_back(), depth - 1))
          return false;
      return true;
    }
    size_t reserve = 0;
    if (!allot(x.argument, 1, reserve))
      return false;
    items.reserve(reserve);
    for (uint64_t i = 0; i < x.argument; ++i)
      if (!read(items.emplace_back(), depth - 1))
        return false;
    return true;
  }

  /// Returns the size of the short text or keyword that begins here, else 0.
  size_t short_key_size() const noexcept {
    auto short_text = [](std::byte x) {
      return x >= std::byte{0x60} && x <= std::byte{0x77};
    };
    size_t prefix = 0;
    if (rest() > 3 && pos_[0] == std::byte{0xD8}
        && pos_[1] == std::byte{tag_identifier})
      prefix = 2;
    if (rest() <= prefix || !short_text(pos_[prefix]))
      return 0;
    auto size = prefix + 1 + (std::to_integer<size_t>(pos_[prefix]) & 31);
    return size <= rest() ? size : 0;
  }

  /// Reads a key. Records repeat the same few keys, so these are made once and
  /// shared, which saves more than half of the time and memory.
  bool read_key(value& result, size_t depth) {
    auto size = recent_keys_.empty() ? 0 : short_key_size();
    if (size == 0)
      return read(result, depth);
    auto at = [this](size_t i) { return std::to_integer<size_t>(pos_[i]); };
    auto hash = size + at(size - 1) * 5 + at(size / 2) * 3;
    auto& slot = recent_keys_[hash % recent_key_slots];
    bytes_view encoded{pos_, size};
    if (std::ranges::equal(slot.first, encoded)) {
      result = slot.second;
      pos_ += size;
      return true;
    }
    if (!read(result, depth))
      return false;
    slot = {encoded, result};
    return true;
  }

  bool read_entry(std::vector<value::entry>& entries, size_t depth) {
    auto& [key, val] = entries.emplace_back();
    return read_key(key, depth) && read(val, depth);
  }

  bool read_map(const head& x, value& result, size_t depth) {
    if (!enter(depth))
      return false;
    std::vector<value::entry> entries;
    if (x.is_indefinite()) {
      while (!take_break())
        if (!read_entry(entries, depth - 1))
          return false;
    } else {
      size_t reserve = 0;
      if (!allot(x.argument, 2, reserve))
        return false;
      entries.reserve(reserve);
      for (uint64_t i = 0; i < x.argument; ++i)
        if (!read_entry(entries, depth - 1))
          return false;
    }
    auto by_key = [](auto& a, auto& b) { return a.first < b.first; };
    if (!make_ascending(entries, by_key))
      return corrupt("a map has a key twice");
    result = value::map_from_sorted(std::move(entries));
    return true;
  }

  bool read_set(value& result, size_t depth) {
    head x;
    std::vector<value> items;
    if (!expect(x, major::array, "a set is no array")
        || !read_items(x, items, depth))
      return false;
    if (!make_ascending(items, std::less<value>{}))
      return corrupt("a set has an item twice");
    result = value::set_from_sorted(std::move(items));
    return true;
  }

  /// Sorts and returns whether no two items are equal.
  template <class T, class Less>
  static bool make_ascending(std::vector<T>& xs, Less less) {
    auto not_less = [&](auto& a, auto& b) { return !less(a, b); };
    auto ascend = [&] {
      return std::adjacent_find(xs.begin(), xs.end(), not_less) == xs.end();
    };
    if (ascend())
      return true;
    std::sort(xs.begin(), xs.end(), less);
    return ascend();
  }

  // -- tags -------------------------------------------------------------------

  bool read_tag(uint64_t tag, value& result, size_t depth) {
    switch (tag) {
      case tag_date_time:
        return read_date_time(result);
      case tag_big_natural:
      case tag_big_negative:
        return read_big_integer(tag, result);
      case tag_decimal:
        return read_decimal(result);
      case tag_object:
        return read_object(result, depth);
      case tag_uuid:
        return read_uuid(result);
      case tag_identifier:
        return read_identifier(result);
      case tag_set:
        return read_set(result, depth);
      default:
        return corrupt(
          fmt::format("tag {} has no meaning here, right before", tag));
    }
  }

  bool read_date_time(value& result) {
    bytes storage;
    std::string_view str;
    if (!read_text(str, storage, "a date and time is no text"))
      return false;
    auto ms = parse_instant(str);
    if (!ms)
      return corrupt("a date and time is malformed or finer than milliseconds");
    result = value::instant(*ms);
    return true;
  }

  bool read_big_integer(uint64_t tag, value& result) {
    head x;
    bytes storage;
    bytes_view xs;
    if (!expect(x, major::bytes, "a big integer is no byte string")
        || !read_string(x, xs, storage))
      return false;
    cpp_int digits;
    if (!xs.empty()) {
      auto first = reinterpret_cast<const uint8_t*>(xs.data());
      import_bits(digits, first, first + xs.size(), 8);
    }
    if (tag == tag_big_negative)
      digits = -1 - digits;
    result = big_integer{std::move(digits)};
    return true;
  }

  bool read_integer(value& result) {
    head x;
    if (!read_head(x))
      return false;
    if (x.is(major::tag)
        && (x.argument == tag_big_natural || x.argument == tag_big_negative))
      return read_big_integer(x.argument, result);
    if (!x.is(major::natural) && !x.is(major::negative))
      return corrupt("here should be an integer");
    result = integer(x);
    return true;
  }

  bool read_decimal(value& result) {
    using scale_limits = std::numeric_limits<int32_t>;
    bool open = false;
    value exponent;
    value mantissa;
    if (!begin_pair(open) || !read_integer(exponent) || !read_integer(mantissa)
        || !end_pair(open))
      return false;
    if (!exponent.is(value::kind::integer)
        || exponent.as_integer() < -int64_t{scale_limits::max()}
        || exponent.as_integer() > -int64_t{scale_limits::min()})
      return corrupt("a decimal's exponent is out of range");
    auto scale = static_cast<int32_t>(-exponent.as_integer());
    if (mantissa.is(value::kind::integer))
      result = decimal{mantissa.as_integer(), scale};
    else
      result = decimal{mantissa.as_big_integer().digits, scale};
    return true;
  }

  bool read_uuid(value& result) {
    head x;
    bytes storage;
    bytes_view xs;
    if (!expect(x, major::bytes, "a UUID is no byte string")
        || !read_string(x, xs, storage))
      return false;
    uuid id;
    if (xs.size() != id.data.size())
      return corrupt("a UUID has not 16 bytes");
    std::copy(xs.begin(), xs.end(), id.data.begin());
    result = id;
    return true;
  }

  bool read_identifier(value& result) {
    bytes storage;
    std::string_view str;
    if (!read_text(str, storage, "an identifier is no text"))
      return false;
    result = str.starts_with(':') ? value::keyword(str.substr(1))
                                  : value::symbol(str);
    return true;
  }

  // -- objects: arrays of a type and a content --------------------------------

  /// @param open is set if a break ends the pair
  bool begin_pair(bool& open) {
    head x;
    if (!expect(x, major::array, "here should be an array of two items"))
      return false;
    open = x.is_indefinite();
    return open || x.argument == 2 || corrupt("an array has not two items");
  }

  bool end_pair(bool open) {
    return !open || take_break() || corrupt("an array has not two items");
  }

  bool read_object(value& result, size_t depth) {
    bool open = false;
    bytes storage;
    std::string_view type;
    return begin_pair(open)
           && read_text(type, storage, "the type of an object is no text")
           && read_content(type, result, depth) && end_pair(open);
  }

  bool read_content(std::string_view type, value& result, size_t depth) {
    if (type == type_character)
      return read_character(result);
    if (type == type_list)
      return read_list(result, depth);
    if (type == type_instant)
      return read_instant(result);
    if (type == type_symbol)
      return read_symbol(result);
    if (type == type_tagged) {
      bool open = false;
      bytes storage;
      std::string_view tag;
      return begin_pair(open) && read_text(tag, storage, "a tag is no text")
             && read_element(tag, result, depth) && end_pair(open);
    }
    return read_element(type, result, depth);
  }

  bool read_element(std::string_view tag, value& result, size_t depth) {
    if (value::is_reserved_tag(tag))
      return corrupt("an object has a reserved type");
    value content;
    if (!enter(depth) || !read(content, depth - 1))
      return false;
    result = value::tagged(tag, std::move(content));
    return true;
  }

  bool read_list(value& result, size_t depth) {
    head x;
    std::vector<value> items;
    if (!expect(x, major::array, "a list is no array")
        || !read_items(x, items, depth))
      return false;
    result = value::list(std::move(items));
    return true;
  }

  bool read_character(value& result) {
    bytes storage;
    std::string_view str;
    if (!read_text(str, storage, "a character is no text"))
      return false;
    auto [x, size] = first_code_point(str);
    if (str.empty() || size != str.size())
      return corrupt("a character is not one code point");
    result = value{x};
    return true;
  }

  bool read_instant(value& result) {
    value ms;
    if (!read_integer(ms))
      return false;
    if (!ms.is(value::kind::integer))
      return corrupt("an instant is out of range");
    result = value::instant(ms.as_integer());
    return true;
  }

  bool read_symbol(value& result) {
    bytes storage;
    std::string_view str;
    if (!read_text(str, storage, "a symbol is no text"))
      return false;
    result = value::symbol(str);
    return true;
  }

  const std::byte* begin_;
  const std::byte* pos_;
  const std::byte* end_;
  size_t reservable_;
  std::vector<std::pair<bytes_view, value>> recent_keys_;
  errc code_ = errc::corruption;
  std::string message_;
};

} // namespace

expected<value> decode(bytes_view in, size_t max_depth) {
  return decoder{in}.run(max_depth);
}

} // namespace larder::detail::cbor
