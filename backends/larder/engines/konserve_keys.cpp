// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/keys.hpp"
#include "larder/konserve/hasch.hpp"

#include <algorithm>
#include <functional>

namespace larder::detail::ksv {

namespace {

/// Keys with more vectors than this are taken as they are: each doubles the
/// number of keys that the metadata can mean.
constexpr int max_vectors = 8;

constexpr bool merges_lists(uint8_t serializer_id) {
  return serializer_id == 2 || serializer_id == 3;
}

using make_sequence = std::function<value(std::vector<value>)>;

/// Returns `x` with every vector and list in it made anew by `make`, those
/// inside before those outside.
value remake(const value& x, const make_sequence& make) {
  auto remade_items = [&] {
    std::vector<value> result;
    for (auto& item : x.items())
      result.push_back(remake(item, make));
    return result;
  };
  switch (x.type()) {
    case value::kind::vector:
    case value::kind::list:
      return make(remade_items());
    case value::kind::set:
      return value::set(remade_items());
    case value::kind::map: {
      std::vector<value::entry> result;
      for (auto& [key, val] : x.entries())
        result.emplace_back(remake(key, make), remake(val, make));
      return value::map(std::move(result));
    }
    case value::kind::tagged:
      return value::tagged(x.tag(), remake(x.content(), make));
    default:
      return x;
  }
}

value with_vectors(const value& x) {
  return remake(x, [](std::vector<value> items) {
    return value::vector(std::move(items));
  });
}

bool has_id(const value& key, const uuid& id) {
  auto found = konserve::hasch_uuid(key);
  return found && *found == id;
}

} // namespace

bool names_same_key(const value& found, const value& asked,
                    uint8_t serializer_id) {
  return found == asked
         || (merges_lists(serializer_id)
             && with_vectors(found) == with_vectors(asked));
}

std::optional<value> true_key(const value& found, const uuid& id,
                              uint8_t serializer_id) {
  if (has_id(found, id))
    return found;
  if (!merges_lists(serializer_id) || !found.is_collection())
    return std::nullopt;
  auto vectors = 0;
  remake(found, [&](std::vector<value> items) {
    ++vectors;
    return value::vector(std::move(items));
  });
  if (vectors > max_vectors)
    return std::nullopt;
  for (auto choice = 1U; choice < 1U << vectors; ++choice) {
    auto rest = choice;
    auto candidate = remake(found, [&](std::vector<value> items) {
      auto is_list = (rest & 1) != 0;
      rest >>= 1;
      return is_list ? value::list(std::move(items))
                     : value::vector(std::move(items));
    });
    if (has_id(candidate, id))
      return candidate;
  }
  return std::nullopt;
}

} // namespace larder::detail::ksv
