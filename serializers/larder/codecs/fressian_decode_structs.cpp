// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/fressian_decoder.hpp"

#include <algorithm>

namespace larder::detail::fressian {

bool decoder::read_struct_type() {
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

int64_t decoder::last_struct() const noexcept {
  return static_cast<int64_t>(structs_.size()) - 1;
}

bool decoder::read_struct(int64_t index, value& result, size_t depth) {
  if (index < 0 || static_cast<uint64_t>(index) >= structs_.size())
    return corrupt("a struct has a type that was not introduced");
  auto& known = structs_[static_cast<size_t>(index)];
  if (known.read != nullptr)
    return (this->*known.read)(result, depth);
  auto type = known; // others may be added while the fields are read
  std::vector<value> fields;
  if (!enter(depth) || !enter(depth - 1)
      || !read_all(type.fields, fields, depth - 2))
    return false;
  return tag_element(type.tag, value::list(std::move(fields)), result);
}

bool decoder::tag_element(std::string_view tag, value content, value& result) {
  if (value::is_reserved_tag(tag))
    return corrupt("an element has a reserved tag");
  result = value::tagged(tag, std::move(content));
  return true;
}

bool decoder::read_tagged(value& result, size_t depth) {
  value tag;
  value content;
  if (!enter(depth)
      || !read_as(tag, value::kind::symbol, "the tag of an element is none")
      || !read(content, depth - 1))
    return false;
  return tag_element(tag.as_string(), std::move(content), result);
}

/// A record: a count, a symbol, and so many vectors of a key and a value.
bool decoder::read_record(value& result, size_t depth) {
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

template <value::kind Kind>
bool decoder::read_array(value& result, size_t depth) {
  if (!read_vector(result, depth))
    return false;
  auto xs = result.items();
  return std::all_of(xs.begin(), xs.end(),
                     [](const value& x) { return x.is(Kind); })
         || corrupt("an array has an element of another type");
}

// -- meanings -----------------------------------------------------------------

std::span<const decoder::known_struct> decoder::known_structs() noexcept {
  static constexpr known_struct result[] = {
    {"Object[]", code_object_array, &decoder::read_vector},
    {"bigdec", code_decimal, &decoder::read_decimal},
    {"bigint", code_big_integer, &decoder::read_big_integer},
    {"boolean[]", code_boolean_array,
     &decoder::read_array<value::kind::boolean>},
    {"byte", 0, &decoder::read_small_integer},
    {"double[]", code_double_array, &decoder::read_array<value::kind::real>},
    {"float[]", code_float_array, &decoder::read_array<value::kind::real>},
    {"inst", code_instant, &decoder::read_instant},
    {"int[]", code_int_array, &decoder::read_array<value::kind::integer>},
    {"key", code_keyword, &decoder::read_keyword},
    {"long[]", code_long_array, &decoder::read_array<value::kind::integer>},
    {"map", code_map, &decoder::read_map},
    {"regex", code_regex, &decoder::read_regex},
    {"set", code_set, &decoder::read_set},
    {"sym", code_symbol, &decoder::read_symbol},
    {"uri", code_uri, &decoder::read_uri},
    {"uuid", code_uuid, &decoder::read_uuid},
    {tag_any_character, 0, &decoder::read_any_character},
    {tag_character, 0, &decoder::read_character},
    {tag_list, 0, &decoder::read_plist},
    {tag_record, 0, &decoder::read_record},
    {tag_tagged, 0, &decoder::read_tagged},
    {tag_vector, 0, &decoder::read_vector},
  };
  return result;
}

decoder::handler decoder::find_handler(std::string_view tag) noexcept {
  for (auto& x : known_structs())
    if (x.tag == tag)
      return x.read;
  return nullptr;
}

/// What begins with a code of its own is a struct of a certain tag.
/// @pre no integer begins with `code`
decoder::handler decoder::find_handler(uint8_t code) noexcept {
  for (auto& x : known_structs())
    if (x.code == code)
      return x.read;
  return nullptr;
}

bool decoder::has_handler(std::string_view tag) noexcept {
  return find_handler(tag) != nullptr;
}

bool is_known_tag(std::string_view tag) noexcept {
  return decoder::has_handler(tag) || tag == tag_ratio
         || tag == tag_clojure_record;
}

} // namespace larder::detail::fressian
