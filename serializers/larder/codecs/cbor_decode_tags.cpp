// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor_decoder.hpp"
#include "larder/detail/instant.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace larder::detail::cbor {

using boost::multiprecision::cpp_int;

bool decoder::read_tag(uint64_t tag, value& result, size_t depth) {
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
      break;
  }
  if (tag == tag_epoch_seconds && how().epoch_seconds)
    return read_epoch_seconds(result);
  if (tag == tag_string_reference && how().string_references) {
    string_item item;
    return read_reference(item) && make_string(item, result);
  }
  if (tag == tag_string_namespace && how().string_references)
    return read_namespace(result, depth);
  if (is_opaque_tag(tag))
    return read_opaque(tag, result, depth);
  return corrupt(fmt::format("tag {} has no meaning here, right before", tag));
}

// -- points in time -----------------------------------------------------------

namespace {

/// Cuts the fraction of the seconds to milliseconds.
std::string cut_fraction(std::string_view str) {
  auto point = str.find('.');
  auto last = str.find_first_not_of("0123456789", point + 1);
  std::string result{str};
  if (point != str.npos && last != str.npos && last - point > 4)
    result.erase(point + 4, last - point - 4);
  return result;
}

} // namespace

/// Digits past milliseconds are dropped, as konserve does when it reads.
bool decoder::read_date_time(value& result) {
  string_item item;
  if (!expect_string(major::text, item, "a date and time is no text"))
    return false;
  auto ms = parse_instant(item.text());
  if (!ms)
    ms = parse_instant(cut_fraction(item.text()));
  if (!ms)
    return corrupt("a date and time is malformed");
  result = value::instant(*ms);
  return true;
}

/// A float of seconds stands for the millisecond next to it: what was divided
/// by 1000 when written is seldom exact.
bool decoder::read_epoch_seconds(value& result) {
  constexpr auto range = "seconds since 1970 are out of range or no number";
  constexpr uint8_t half_float = 25;
  head x;
  value seconds;
  if (!read_head(x))
    return false;
  if (x.is(major::natural) || x.is(major::negative))
    seconds = integer(x);
  else if (!x.is(major::simple) || x.info < half_float
           || !read_simple(x, seconds))
    return corrupt(range);
  constexpr auto max_integer = std::numeric_limits<int64_t>::max() / 1000;
  if (seconds.is(value::kind::integer)
      && std::abs(seconds.as_integer()) <= max_integer) {
    result = value::instant(seconds.as_integer() * 1000);
    return true;
  }
  // NaN is not less either.
  if (!seconds.is(value::kind::real)
      || !(std::abs(seconds.as_real()) < static_cast<double>(max_integer)))
    return corrupt(range);
  result = value::instant(std::llround(seconds.as_real() * 1000));
  return true;
}

// -- numbers ------------------------------------------------------------------

bool decoder::read_big_integer(uint64_t tag, value& result) {
  string_item item;
  if (!expect_string(major::bytes, item, "a big integer is no byte string"))
    return false;
  cpp_int digits;
  if (!item.content.empty()) {
    auto first = reinterpret_cast<const uint8_t*>(item.content.data());
    import_bits(digits, first, first + item.content.size(), 8);
  }
  if (tag == tag_big_negative)
    digits = -1 - digits;
  result = big_integer{std::move(digits)};
  return true;
}

bool decoder::read_integer(value& result) {
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

bool decoder::read_decimal(value& result) {
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

// -- names --------------------------------------------------------------------

bool decoder::read_uuid(value& result) {
  string_item item;
  if (!expect_string(major::bytes, item, "a UUID is no byte string"))
    return false;
  uuid id;
  if (item.content.size() != id.data.size())
    return corrupt("a UUID has not 16 bytes");
  std::copy(item.content.begin(), item.content.end(), id.data.begin());
  result = id;
  return true;
}

bool decoder::read_identifier(value& result) {
  string_item item;
  if (!expect_string(major::text, item, "an identifier is no text"))
    return false;
  auto* shared = item.referred == nullptr ? nullptr
                                          : &item.referred->identifier;
  if (shared != nullptr && !shared->is_nil()) {
    result = *shared;
    return true;
  }
  auto str = item.text();
  result = str.starts_with(':') ? value::keyword(str.substr(1))
                                : value::symbol(str);
  if (shared != nullptr)
    *shared = result;
  return true;
}

// -- tags around any item -----------------------------------------------------

/// A namespace inside of another one hides it.
bool decoder::read_namespace(value& result, size_t depth) {
  if (!enter(depth))
    return false;
  auto outer = exchange_namespace(string_namespace{std::in_place});
  if (!read(result, depth - 1))
    return false;
  exchange_namespace(std::move(outer));
  return true;
}

bool decoder::read_opaque(uint64_t tag, value& result, size_t depth) {
  value content;
  if (!enter(depth) || !read(content, depth - 1))
    return false;
  result = value::tagged(fmt::format("{}{}", opaque_prefix, tag),
                         std::move(content));
  return true;
}

// -- objects: arrays of a type and a content ----------------------------------

/// @param open is set if a break ends the pair
bool decoder::begin_pair(bool& open) {
  head x;
  if (!expect(x, major::array, "here should be an array of two items"))
    return false;
  open = x.is_indefinite();
  return open || x.argument == 2 || corrupt("an array has not two items");
}

bool decoder::end_pair(bool open) {
  return !open || take_break() || corrupt("an array has not two items");
}

bool decoder::read_object(value& result, size_t depth) {
  bool open = false;
  string_item type;
  return begin_pair(open)
         && expect_string(major::text, type, "the type of an object is no text")
         && (how().objects ? read_content(type.text(), result, depth)
                           : read_element(type.text(), result, depth))
         && end_pair(open);
}

bool decoder::read_content(std::string_view type, value& result, size_t depth) {
  if (type == type_character)
    return read_character(result);
  if (type == type_list)
    return read_list(result, depth);
  if (type == type_instant)
    return read_instant(result);
  if (type == type_symbol)
    return read_symbol(result);
  if (type == type_tagged)
    return read_tagged(result, depth);
  if (type == type_sorted_map)
    return read_sorted_map(result, depth);
  if (type == type_sorted_set)
    return read_set(result, depth);
  if (type == type_with_metadata)
    return read_with_metadata(result, depth);
  return read_element(type, result, depth);
}

bool decoder::read_element(std::string_view tag, value& result, size_t depth) {
  if (value::is_reserved_tag(tag))
    return corrupt("an object has a reserved type");
  value content;
  if (!enter(depth) || !read(content, depth - 1))
    return false;
  result = value::tagged(tag, std::move(content));
  return true;
}

bool decoder::read_tagged(value& result, size_t depth) {
  bool open = false;
  string_item tag;
  return begin_pair(open) && expect_string(major::text, tag, "a tag is no text")
         && read_element(tag.text(), result, depth) && end_pair(open);
}

bool decoder::read_list(value& result, size_t depth) {
  head x;
  std::vector<value> items;
  if (!expect(x, major::array, "a list is no array")
      || !read_items(x, items, depth))
    return false;
  result = value::list(std::move(items));
  return true;
}

bool decoder::read_sorted_map(value& result, size_t depth) {
  head x;
  return expect(x, major::map, "a sorted map is no map")
         && read_map(x, result, depth);
}

/// Metadata of Clojure is no part of a value: equal values may have other
/// metadata, such as the line of a source file.
bool decoder::read_with_metadata(value& result, size_t depth) {
  bool open = false;
  value metadata;
  if (!begin_pair(open) || !enter(depth) || !read(metadata, depth - 1))
    return false;
  if (!metadata.is(value::kind::map))
    return corrupt("metadata are no map");
  return read(result, depth - 1) && end_pair(open);
}

bool decoder::read_character(value& result) {
  string_item item;
  if (!expect_string(major::text, item, "a character is no text"))
    return false;
  auto [x, size] = first_code_point(item.text());
  if (item.content.empty() || size != item.content.size())
    return corrupt("a character is not one code point");
  result = value{x};
  return true;
}

bool decoder::read_instant(value& result) {
  value ms;
  if (!read_integer(ms))
    return false;
  if (!ms.is(value::kind::integer))
    return corrupt("an instant is out of range");
  result = value::instant(ms.as_integer());
  return true;
}

bool decoder::read_symbol(value& result) {
  string_item item;
  if (!expect_string(major::text, item, "a symbol is no text"))
    return false;
  result = value::symbol(item.text());
  return true;
}

// -- what follows the value ---------------------------------------------------

/// Skips the index of offsets that boring puts behind large values:
///
///     27(["boring/index", [stride, containers, counts, slots, sorted,
///                          (references,) start]])
///
/// with little-endian 32-bit integers (tag 78; offsets past 2 GiB: 64-bit, tag
/// 79) in `containers` and as many in `counts`, byte strings, and in the last
/// one, of 8 bytes, the big-endian offset at which this item begins.
bool decoder::skip_index_frame() {
  constexpr auto other = "something follows the value";
  constexpr std::string_view name = "boring/index";
  if (!how().index_frame)
    return corrupt(other);
  auto start = position();
  head x;
  string_item str;
  if (!expect(x, major::tag, other) || x.argument != tag_object
      || !expect(x, major::array, other) || x.argument != 2
      || !expect_string(major::text, str, other) || str.text() != name
      || !expect(x, major::array, other)
      || (x.argument != 6 && x.argument != 7))
    return corrupt(other);
  auto strings = x.argument - 3;
  size_t containers = 0;
  size_t counts = 0;
  if (!expect(x, major::natural, other) || !skip_typed_array(containers)
      || !skip_typed_array(counts) || containers != counts)
    return corrupt(other);
  for (uint64_t i = 0; i < strings; ++i)
    if (str = {}; !expect_string(major::bytes, str, other))
      return false;
  return (rest() == 0 && str.content.size() == sizeof(uint64_t)
          && load_big_endian<uint64_t>(str.content.data()) == start)
         || corrupt(other);
}

/// Skips an array of integers (RFC 8746).
/// @param count is set to their number
bool decoder::skip_typed_array(size_t& count) {
  constexpr uint64_t tag_int32 = 78;
  constexpr uint64_t tag_int64 = 79;
  constexpr auto what = "here should be an array of integers";
  head x;
  string_item str;
  if (!expect(x, major::tag, what)
      || (x.argument != tag_int32 && x.argument != tag_int64)
      || !expect_string(major::bytes, str, what))
    return false;
  auto width = x.argument == tag_int32 ? sizeof(int32_t) : sizeof(int64_t);
  count = str.content.size() / width;
  return str.content.size() % width == 0 || corrupt(what);
}

} // namespace larder::detail::cbor
