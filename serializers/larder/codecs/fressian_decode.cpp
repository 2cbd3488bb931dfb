// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/ascending.hpp"
#include "larder/detail/cesu8.hpp"
#include "larder/detail/fressian.hpp"
#include "larder/detail/fressian_input.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

namespace larder::detail::fressian {

namespace {

using boost::multiprecision::cpp_int;

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

/// What begins with a code of its own is a struct of a certain tag.
std::string_view tag_of(uint8_t code) noexcept {
  switch (code) {
    case code_long_array:
      return "long[]";
    case code_double_array:
      return "double[]";
    case code_boolean_array:
      return "boolean[]";
    case code_int_array:
      return "int[]";
    case code_float_array:
      return "float[]";
    case code_object_array:
      return "Object[]";
    case code_map:
      return "map";
    case code_set:
      return "set";
    case code_uuid:
      return "uuid";
    case code_regex:
      return "regex";
    case code_uri:
      return "uri";
    case code_big_integer:
      return "bigint";
    case code_decimal:
      return "bigdec";
    case code_instant:
      return "inst";
    case code_symbol:
      return "sym";
    case code_keyword:
      return "key";
    default:
      return "";
  }
}

class decoder {
public:
  decoder(bytes_view in, const limits& lim)
    : in_(in),
      reservable_(in.size()),
      copyable_(in.size() * copies_per_byte + spare_copies),
      expandable_(lim.max_value_size - in.size()),
      frames_(lim.max_depth * frames_per_level + spare_frames) {
    // nop
  }

  expected<value> run(size_t max_depth) {
    value result;
    if (!read(result, max_depth) || !read_end())
      return in_.failure();
    return result;
  }

  static bool has_handler(std::string_view tag) noexcept {
    return find_handler(tag) != nullptr;
  }

private:
  /// Reads the fields of a struct.
  using handler = bool (decoder::*)(value&, size_t);

  struct struct_type {
    std::string tag;
    handler read; // null for those without a meaning
    size_t fields;
  };

  static constexpr auto no_index = std::numeric_limits<size_t>::max();

  /// Half a name: nil, or a string and where it is in the cache.
  struct name_part {
    value content;
    size_t index = no_index;
  };

  /// An object that may be referred to.
  struct cached {
    value content;
    size_t size; // encoded, if all that it refers to were spelled out
    bool is_complete;
  };

  /// A level of nesting may take calls of `read` for a collection, a place in
  /// the cache, and a list inside of it with another.
  static constexpr size_t frames_per_level = 4;

  /// For what no depth is counted of, as the parts of names.
  static constexpr size_t spare_frames = 16;

  /// How many bytes names may take per byte of input because their parts are
  /// referred to, without counting names that occur again. Encoders reach it
  /// only with names of many hundred characters.
  static constexpr size_t copies_per_byte = 256;

  static constexpr size_t spare_copies = 4096;

  static handler find_handler(std::string_view tag) noexcept;

  bool corrupt(std::string_view what) {
    return in_.corrupt(what);
  }

  bool enter(size_t depth) {
    return depth > 0
           || in_.fail(errc::limit_exceeded, "the value is nested too deep");
  }

  // -- objects ----------------------------------------------------------------

  bool read(value& result, size_t depth) {
    uint8_t code = 0;
    if (!in_.read_code(code))
      return false;
    if (frames_ == 0)
      return in_.fail(errc::limit_exceeded, "the value is nested too deep");
    --frames_;
    auto ok = skip_marks(code) && read_object(code, result, depth);
    ++frames_;
    return ok;
  }

  /// Takes what may stand before an object, and the code of the object.
  bool skip_marks(uint8_t& code) {
    while (code == code_reset_caches || code == code_footer) {
      if (incomplete_ > 0)
        return corrupt("the caches are reset inside of a cached object");
      if (code == code_footer && !in_.read_footer())
        return false;
      cache_.clear();
      structs_.clear();
      names_.clear();
      if (!in_.read_code(code))
        return false;
    }
    return true;
  }

  bool read_end() {
    uint8_t code = 0;
    if (in_.sees(code_footer) && !(in_.read_code(code) && in_.read_footer()))
      return false;
    return in_.at_end() || corrupt("something follows the value");
  }

  bool read_object(uint8_t code, value& result, size_t depth) {
    int64_t index = 0;
    auto within = [code](uint8_t first, size_t count) {
      return code >= first && code < first + count;
    };
    if (input::begins_integer(code))
      return read_integer(code, result);
    if (within(code_get_cached_packed, packed_cached))
      return get_cached(code - code_get_cached_packed, result, depth);
    if (within(code_struct_packed, packed_structs))
      return read_struct(code - code_struct_packed, result, depth);
    if (within(code_bytes_packed, packed_sizes + 2))
      return read_bytes(code, result);
    if (within(code_string_packed, packed_sizes + 2))
      return read_string(code, result);
    if (within(code_list_packed, packed_sizes + 3)) {
      std::vector<value> items;
      if (!read_list(code, items, depth))
        return false;
      result = value::list(std::move(items));
      return true;
    }
    switch (code) {
      case code_true:
      case code_false:
        result = code == code_true;
        return true;
      case code_nil:
        result = value{};
        return true;
      case code_float:
      case code_real:
      case code_real_0:
      case code_real_1:
        return read_real(code, result);
      case code_put_cached:
        return put_cached(result, depth);
      case code_get_cached:
        return in_.read_integer(index) && get_cached(index, result, depth);
      case code_struct_type:
        return read_struct_type() && read_struct(last_struct(), result, depth);
      case code_struct:
        return in_.read_integer(index) && read_struct(index, result, depth);
      default:
        break;
    }
    if (auto f = find_handler(tag_of(code)))
      return (this->*f)(result, depth);
    return corrupt(
      fmt::format("no object begins with {:#04x}, right before", code));
  }

  // -- caches -----------------------------------------------------------------

  bool put_cached(value& result, size_t depth) {
    auto index = cache_.size();
    cache_.push_back({{}, 0, false});
    auto start = in_.position();
    auto expandable = expandable_;
    ++incomplete_;
    if (!read(result, depth))
      return false;
    --incomplete_;
    auto size = in_.position() - start + (expandable - expandable_);
    cache_[index] = {result, size, true};
    return true;
  }

  bool check_cached(int64_t index) {
    if (index < 0 || static_cast<uint64_t>(index) >= cache_.size())
      return corrupt("a reference names no cached object");
    return cache_[static_cast<size_t>(index)].is_complete
           || corrupt("a cached object refers to itself");
  }

  /// Few references can make a value of any size, which takes as long to go
  /// through as if it were spelled out.
  bool get_cached(int64_t index, value& result, size_t depth) {
    if (!check_cached(index))
      return false;
    auto& [content, size, is_complete] = cache_[static_cast<size_t>(index)];
    if (content.depth() > depth)
      return enter(0);
    if (size > expandable_)
      return in_.fail(errc::limit_exceeded,
                      "references make the value larger than the limit");
    expandable_ -= size;
    result = content;
    return true;
  }

  // -- structs ----------------------------------------------------------------

  bool read_struct_type() {
    value tag;
    int64_t fields = 0;
    if (!read_as(tag, value::kind::string, "the tag of a struct is no string")
        || !in_.read_integer(fields))
      return false;
    if (fields < 0)
      return corrupt("a struct has a negative number of fields");
    std::string name{tag.as_string()};
    auto read_fields = find_handler(name);
    structs_.push_back(
      {std::move(name), read_fields, static_cast<size_t>(fields)});
    return true;
  }

  int64_t last_struct() const noexcept {
    return static_cast<int64_t>(structs_.size()) - 1;
  }

  bool read_struct(int64_t index, value& result, size_t depth) {
    if (index < 0 || static_cast<uint64_t>(index) >= structs_.size())
      return corrupt("a struct has a type that was not introduced");
    auto type = structs_[static_cast<size_t>(index)]; // others may be added
    if (type.read != nullptr)
      return (this->*type.read)(result, depth);
    std::vector<value> fields;
    if (!enter(depth) || !enter(depth - 1)
        || !read_all(type.fields, fields, depth - 2))
      return false;
    return tag_element(type.tag, value::list(std::move(fields)), result);
  }

  bool tag_element(std::string_view tag, value content, value& result) {
    if (value::is_reserved_tag(tag))
      return corrupt("an element has a reserved tag");
    result = value::tagged(tag, std::move(content));
    return true;
  }

  bool read_tagged(value& result, size_t depth) {
    value tag;
    value content;
    if (!enter(depth)
        || !read_as(tag, value::kind::symbol, "the tag of an element is none")
        || !read(content, depth - 1))
      return false;
    return tag_element(tag.as_string(), std::move(content), result);
  }

  /// A record: a count, a symbol, and so many vectors of a key and a value.
  bool read_record(value& result, size_t depth) {
    size_t size = 0;
    value tag;
    std::vector<value::entry> entries;
    if (!enter(depth) || !enter(depth - 1) || !in_.read_size(size)
        || !read_as(tag, value::kind::symbol, "a record has no name"))
      return false;
    for (; size > 0; --size) {
      std::vector<value> items;
      if (!read_sequence(items, depth - 2))
        return false;
      if (items.size() != 2)
        return corrupt("a record has a field that is no pair");
      entries.emplace_back(std::move(items[0]), std::move(items[1]));
    }
    value content;
    return make_map(std::move(entries), content)
           && tag_element(tag.as_string(), std::move(content), result);
  }

  // -- scalars ----------------------------------------------------------------

  /// Reads an object of one kind.
  bool read_as(value& result, value::kind kind, std::string_view what) {
    return read(result, 0) && (result.is(kind) || corrupt(what));
  }

  bool read_integer(uint8_t code, value& result) {
    int64_t x = 0;
    if (!in_.read_integer(code, x))
      return false;
    result = x;
    return true;
  }

  bool read_real(uint8_t code, value& result) {
    uint64_t bits = 0;
    if (code == code_float) {
      if (!in_.read_big_endian(sizeof(float), bits))
        return false;
      result = double{std::bit_cast<float>(static_cast<uint32_t>(bits))};
    } else if (code == code_real) {
      if (!in_.read_big_endian(sizeof(double), bits))
        return false;
      result = std::bit_cast<double>(bits);
    } else {
      result = code == code_real_1 ? 1.0 : 0.0;
    }
    return true;
  }

  bool read_bytes(uint8_t code, value& result) {
    bytes storage;
    bytes_view xs;
    if (!in_.read_chunks(code, code_bytes_packed, xs, storage))
      return false;
    result = storage.empty() ? to_bytes(xs) : std::move(storage);
    return true;
  }

  bool read_string(uint8_t code, value& result) {
    bytes storage;
    bytes_view xs;
    std::string str;
    if (!in_.read_chunks(code, code_string_packed, xs, storage))
      return false;
    switch (read_cesu8(xs, str)) {
      case cesu8_problem::none:
        break;
      case cesu8_problem::malformed:
        return corrupt("a string is not UTF-8, right before");
      case cesu8_problem::surrogate:
        return corrupt("a string has half a surrogate pair, which cannot be "
                       "kept, right before");
    }
    result = std::move(str);
    return true;
  }

  bool read_character(value& result, size_t) {
    return read_code_point(0xFFFF, result);
  }

  bool read_any_character(value& result, size_t) {
    return read_code_point(0x10FFFF, result);
  }

  bool read_code_point(int64_t last, value& result) {
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

  bool read_small_integer(value& result, size_t) {
    return read_as(result, value::kind::integer, "a byte is no integer");
  }

  bool read_uuid(value& result, size_t) {
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

  bool read_digits(cpp_int& result) {
    value x;
    if (!read_as(x, value::kind::bytes, "a number has no bytes"))
      return false;
    if (x.size() == 0)
      return corrupt("a number has no digits");
    result = from_twos_complement(x.as_bytes());
    return true;
  }

  bool read_big_integer(value& result, size_t) {
    cpp_int digits;
    if (!read_digits(digits))
      return false;
    result = big_integer{std::move(digits)};
    return true;
  }

  bool read_decimal(value& result, size_t) {
    using scales = std::numeric_limits<int32_t>;
    cpp_int unscaled;
    value scale;
    if (!read_digits(unscaled)
        || !read_as(scale, value::kind::integer, "a scale is no integer"))
      return false;
    if (scale.as_integer() < scales::min()
        || scale.as_integer() > scales::max())
      return corrupt("the scale of a decimal is out of range");
    result
      = decimal{std::move(unscaled), static_cast<int32_t>(scale.as_integer())};
    return true;
  }

  bool read_instant(value& result, size_t) {
    value ms;
    if (!read_as(ms, value::kind::integer, "an instant is no integer"))
      return false;
    result = value::instant(ms.as_integer());
    return true;
  }

  bool read_regex(value& result, size_t depth) {
    return read_text_element(regex_element, result, depth);
  }

  bool read_uri(value& result, size_t depth) {
    return read_text_element(uri_element, result, depth);
  }

  bool read_text_element(std::string_view tag, value& result, size_t depth) {
    value str;
    return enter(depth)
           && read_as(str, value::kind::string, "a regex or URI is no string")
           && tag_element(tag, std::move(str), result);
  }

  // -- names ------------------------------------------------------------------

  bool read_keyword(value& result, size_t) {
    return read_name(value::kind::keyword, result);
  }

  bool read_symbol(value& result, size_t) {
    return read_name(value::kind::symbol, result);
  }

  bool read_part(name_part& result) {
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
  bool read_name(value::kind kind, value& result) {
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

  bool make_name(value::kind kind, const name_part& space,
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

  bool append_part(const name_part& x, std::string& str) {
    if (x.index != no_index) {
      if (x.content.size() > copyable_)
        return in_.fail(errc::limit_exceeded,
                        "references make names larger than the limit");
      copyable_ -= x.content.size();
    }
    str += x.content.as_string();
    return true;
  }

  // -- collections ------------------------------------------------------------

  /// Checks a number of items that are at least a byte each, and allots memory
  /// for them. No input makes all collections together reserve more items than
  /// it has bytes, however they are nested.
  bool allot(size_t count, std::vector<value>& items) {
    if (count > in_.rest())
      return corrupt("a collection is longer than the input");
    auto reserve = std::min(count, reservable_);
    reservable_ -= reserve;
    items.reserve(reserve);
    return true;
  }

  bool read_all(size_t count, std::vector<value>& items, size_t depth) {
    if (!allot(count, items))
      return false;
    for (; count > 0; --count)
      if (!read(items.emplace_back(), depth))
        return false;
    return true;
  }

  /// Reads the rest of a Fressian list.
  bool read_list(uint8_t code, std::vector<value>& items, size_t depth) {
    if (!enter(depth))
      return false;
    return read_elements(code, items, depth - 1);
  }

  bool read_elements(uint8_t code, std::vector<value>& items, size_t depth) {
    if (code == code_closed_list || code == code_open_list) {
      // An open list ends with the input, too.
      while (!in_.sees(code_end) && !(code == code_open_list && in_.at_end()))
        if (!read(items.emplace_back(), depth))
          return false;
      return in_.at_end() || in_.read_code(code);
    }
    size_t count = code - code_list_packed;
    if (code == code_list && !in_.read_size(count))
      return false;
    return read_all(count, items, depth);
  }

  /// Reads the items of any list or vector, whose own level does not count.
  bool read_sequence(std::vector<value>& items, size_t depth) {
    uint8_t code = 0;
    if (in_.sees(code_list_packed, code_open_list))
      return in_.read_code(code) && read_elements(code, items, depth);
    value x;
    if (!read(x, depth + 1))
      return false;
    if (!x.is(value::kind::list) && !x.is(value::kind::vector))
      return corrupt("the content of a collection is no list");
    items = std::move(x).take_items();
    return true;
  }

  bool read_counted(std::vector<value>& items, size_t depth) {
    size_t count = 0;
    return enter(depth) && in_.read_size(count)
           && read_all(count, items, depth - 1);
  }

  bool read_vector(value& result, size_t depth) {
    std::vector<value> items;
    if (!read_counted(items, depth))
      return false;
    result = value::vector(std::move(items));
    return true;
  }

  bool read_plist(value& result, size_t depth) {
    std::vector<value> items;
    if (!read_counted(items, depth))
      return false;
    result = value::list(std::move(items));
    return true;
  }

  template <value::kind Kind>
  bool read_array(value& result, size_t depth) {
    if (!read_vector(result, depth))
      return false;
    auto xs = result.items();
    return std::all_of(xs.begin(), xs.end(),
                       [](const value& x) { return x.is(Kind); })
           || corrupt("an array has an element of another type");
  }

  bool read_set(value& result, size_t depth) {
    std::vector<value> items;
    if (!enter(depth) || !read_sequence(items, depth - 1))
      return false;
    if (!make_ascending(items, std::less<value>{}))
      return corrupt("a set has an item twice");
    result = value::set_from_sorted(std::move(items));
    return true;
  }

  bool read_map(value& result, size_t depth) {
    std::vector<value> items;
    if (!enter(depth) || !read_sequence(items, depth - 1))
      return false;
    if (items.size() % 2 != 0)
      return corrupt("a map has a key without a value");
    std::vector<value::entry> entries;
    entries.reserve(items.size() / 2);
    for (size_t i = 0; i < items.size(); i += 2)
      entries.emplace_back(std::move(items[i]), std::move(items[i + 1]));
    return make_map(std::move(entries), result);
  }

  bool make_map(std::vector<value::entry> entries, value& result) {
    auto by_key = [](auto& a, auto& b) { return a.first < b.first; };
    if (!make_ascending(entries, by_key))
      return corrupt("a map has a key twice");
    result = value::map_from_sorted(std::move(entries));
    return true;
  }

  input in_;
  size_t reservable_;
  size_t copyable_;
  size_t expandable_;
  size_t frames_;
  size_t incomplete_ = 0; // cached objects that are being read
  std::vector<cached> cache_;
  std::vector<struct_type> structs_;
  std::map<std::tuple<value::kind, size_t, size_t>, value> names_;

  /// What reads structs of a tag that has a meaning.
  static constexpr std::pair<std::string_view, handler> handlers[] = {
    {"Object[]", &decoder::read_vector},
    {"bigdec", &decoder::read_decimal},
    {"bigint", &decoder::read_big_integer},
    {"boolean[]", &decoder::read_array<value::kind::boolean>},
    {"byte", &decoder::read_small_integer},
    {"double[]", &decoder::read_array<value::kind::real>},
    {"float[]", &decoder::read_array<value::kind::real>},
    {"inst", &decoder::read_instant},
    {"int[]", &decoder::read_array<value::kind::integer>},
    {"key", &decoder::read_keyword},
    {"long[]", &decoder::read_array<value::kind::integer>},
    {"map", &decoder::read_map},
    {"regex", &decoder::read_regex},
    {"set", &decoder::read_set},
    {"sym", &decoder::read_symbol},
    {"uri", &decoder::read_uri},
    {"uuid", &decoder::read_uuid},
    {tag_any_character, &decoder::read_any_character},
    {tag_character, &decoder::read_character},
    {tag_list, &decoder::read_plist},
    {tag_record, &decoder::read_record},
    {tag_tagged, &decoder::read_tagged},
    {tag_vector, &decoder::read_vector},
  };
};

decoder::handler decoder::find_handler(std::string_view tag) noexcept {
  for (auto& [name, result] : handlers)
    if (name == tag)
      return result;
  return nullptr;
}

} // namespace

bool is_known_tag(std::string_view tag) noexcept {
  return decoder::has_handler(tag) || tag == tag_ratio
         || tag == tag_clojure_record;
}

expected<value> decode(bytes_view in, const limits& lim) {
  return decoder{in, lim}.run(lim.max_depth);
}

} // namespace larder::detail::fressian
