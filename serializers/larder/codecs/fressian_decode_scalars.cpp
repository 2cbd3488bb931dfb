// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/fressian_decoder.hpp"
#include "larder/detail/utf8.hpp"

#include <algorithm>
#include <limits>

namespace larder::detail::fressian {

using boost::multiprecision::cpp_int;

// -- characters and small integers --------------------------------------------

bool decoder::read_character(value& result, size_t) {
  return read_code_point(0xFFFF, result);
}

bool decoder::read_any_character(value& result, size_t) {
  return read_code_point(0x10FFFF, result);
}

bool decoder::read_code_point(int64_t last, value& result) {
  value x;
  if (!read_as(x, value::kind::integer, "a character is no integer"))
    return false;
  auto number = x.as_integer();
  if (number < 0 || number > last)
    return corrupt("a character is out of range");
  if (!is_code_point(static_cast<char32_t>(number)))
    return corrupt("a character is half a surrogate pair, which cannot be "
                   "kept, right before");
  result = static_cast<char32_t>(number);
  return true;
}

bool decoder::read_small_integer(value& result, size_t) {
  return read_as(result, value::kind::integer, "a byte is no integer");
}

// -- UUIDs, numbers and others ------------------------------------------------

namespace {

/// Reads bytes as `new BigInteger(byte[])` does.
/// @pre `!xs.empty()`
cpp_int from_twos_complement(bytes_view xs) {
  cpp_int result;
  auto first = reinterpret_cast<const uint8_t*>(xs.data());
  import_bits(result, first, first + xs.size(), 8);
  if ((*first & 0x80) != 0)
    result -= cpp_int{1} << static_cast<unsigned>(xs.size() * 8);
  return result;
}

} // namespace

bool decoder::read_uuid(value& result, size_t) {
  value x;
  uuid id;
  if (!read_as(x, value::kind::bytes, "a UUID has no bytes"))
    return false;
  if (x.size() != id.data.size())
    return corrupt("a UUID has not 16 bytes");
  auto xs = x.as_bytes();
  std::copy(xs.begin(), xs.end(), id.data.begin());
  result = id;
  return true;
}

bool decoder::read_digits(cpp_int& result) {
  value x;
  if (!read_as(x, value::kind::bytes, "a number has no bytes"))
    return false;
  if (x.size() == 0)
    return corrupt("a number has no digits");
  result = from_twos_complement(x.as_bytes());
  return true;
}

bool decoder::read_big_integer(value& result, size_t) {
  cpp_int digits;
  if (!read_digits(digits))
    return false;
  result = big_integer{std::move(digits)};
  return true;
}

bool decoder::read_decimal(value& result, size_t) {
  using scales = std::numeric_limits<int32_t>;
  cpp_int unscaled;
  value scale;
  if (!read_digits(unscaled)
      || !read_as(scale, value::kind::integer, "a scale is no integer"))
    return false;
  if (scale.as_integer() < scales::min() || scale.as_integer() > scales::max())
    return corrupt("the scale of a decimal is out of range");
  result
    = decimal{std::move(unscaled), static_cast<int32_t>(scale.as_integer())};
  return true;
}

bool decoder::read_instant(value& result, size_t) {
  value ms;
  if (!read_as(ms, value::kind::integer, "an instant is no integer"))
    return false;
  result = value::instant(ms.as_integer());
  return true;
}

bool decoder::read_regex(value& result, size_t depth) {
  return read_text_element(regex_element, result, depth);
}

bool decoder::read_uri(value& result, size_t depth) {
  return read_text_element(uri_element, result, depth);
}

bool decoder::read_text_element(std::string_view tag, value& result,
                                size_t depth) {
  value str;
  return enter(depth)
         && read_as(str, value::kind::string, "a regex or URI is no string")
         && tag_element(tag, std::move(str), result);
}

// -- names --------------------------------------------------------------------

bool decoder::read_keyword(value& result, size_t) {
  return read_name(value::kind::keyword, result);
}

bool decoder::read_symbol(value& result, size_t) {
  return read_name(value::kind::symbol, result);
}

bool decoder::read_part(name_part& result) {
  constexpr auto last = code_get_cached_packed + packed_cached - 1;
  auto& [content, index] = result;
  uint8_t code = 0;
  if (in_.sees(code_nil))
    return in_.read_code(code);
  auto is_packed = in_.sees(code_get_cached_packed, last);
  if (!is_packed && !in_.sees(code_get_cached))
    return read_as(content, value::kind::string, "a name is no string");
  in_.read_code(code);
  int64_t ref = code - code_get_cached_packed;
  if ((!is_packed && !in_.read_integer(ref)) || !check_cached(ref))
    return false;
  index = static_cast<size_t>(ref);
  content = cache_[index].content;
  return content.is(value::kind::string) || corrupt("a name is no string");
}

/// Names repeat, and are then made of the same two references: such a name is
/// made once and shared.
bool decoder::read_name(value::kind kind, value& result) {
  name_part space;
  name_part name;
  if (!read_part(space) || !read_part(name))
    return false;
  if (name.content.is_nil())
    return corrupt("a keyword or symbol has no name");
  if (name.index == no_index
      || (space.index == no_index && !space.content.is_nil()))
    return make_name(kind, space, name, result);
  auto& known = names_[{kind, space.index, name.index}];
  if (known.is_nil() && !make_name(kind, space, name, known))
    return false;
  result = known;
  return true;
}

bool decoder::make_name(value::kind kind, const name_part& space,
                        const name_part& name, value& result) {
  std::string str;
  if (!space.content.is_nil()) {
    if (!append_part(space, str))
      return false;
    str += '/';
  }
  if (!append_part(name, str))
    return false;
  result = kind == value::kind::keyword ? value::keyword(str)
                                        : value::symbol(str);
  return true;
}

bool decoder::append_part(const name_part& x, std::string& str) {
  if (x.index != no_index) {
    if (x.content.size() > copyable_)
      return in_.fail(errc::limit_exceeded,
                      "references make names larger than the limit");
    copyable_ -= x.content.size();
  }
  str += x.content.as_string();
  return true;
}

} // namespace larder::detail::fressian
