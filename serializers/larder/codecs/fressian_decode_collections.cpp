// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/ascending.hpp"
#include "larder/detail/fressian_decoder.hpp"

#include <algorithm>
#include <functional>

namespace larder::detail::fressian {

/// Checks a number of items that are at least a byte each, and allots memory
/// for them. No input makes all collections together reserve more items than
/// it has bytes, however they are nested.
bool decoder::allot(size_t count, std::vector<value>& items) {
  if (count > in_.rest())
    return corrupt("a collection is longer than the input");
  auto reserve = std::min(count, reservable_);
  reservable_ -= reserve;
  items.reserve(reserve);
  return true;
}

bool decoder::read_all(size_t count, std::vector<value>& items, size_t depth) {
  if (!allot(count, items))
    return false;
  for (; count > 0; --count)
    if (!read(items.emplace_back(), depth))
      return false;
  return true;
}

/// Reads the rest of a Fressian list.
bool decoder::read_list(uint8_t code, std::vector<value>& items, size_t depth) {
  if (!enter(depth))
    return false;
  return read_elements(code, items, depth - 1);
}

bool decoder::read_elements(uint8_t code, std::vector<value>& items,
                            size_t depth) {
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
bool decoder::read_sequence(std::vector<value>& items, size_t depth) {
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

bool decoder::read_counted(std::vector<value>& items, size_t depth) {
  size_t count = 0;
  return enter(depth) && in_.read_size(count)
         && read_all(count, items, depth - 1);
}

bool decoder::read_vector(value& result, size_t depth) {
  std::vector<value> items;
  if (!read_counted(items, depth))
    return false;
  result = value::vector(std::move(items));
  return true;
}

bool decoder::read_plist(value& result, size_t depth) {
  std::vector<value> items;
  if (!read_counted(items, depth))
    return false;
  result = value::list(std::move(items));
  return true;
}

bool decoder::read_set(value& result, size_t depth) {
  std::vector<value> items;
  if (!enter(depth) || !read_sequence(items, depth - 1))
    return false;
  if (!make_ascending(items, std::less<value>{}))
    return corrupt("a set has an item twice");
  result = value::set_from_sorted(std::move(items));
  return true;
}

bool decoder::read_map(value& result, size_t depth) {
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

bool decoder::make_map(std::vector<value::entry> entries, value& result) {
  auto by_key = [](auto& a, auto& b) { return a.first < b.first; };
  if (!make_ascending(entries, by_key))
    return corrupt("a map has a key twice");
  result = value::map_from_sorted(std::move(entries));
  return true;
}

} // namespace larder::detail::fressian
