// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/functions.hpp"

#include "larder/internal/arithmetic.hpp"
#include "larder/limits.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace larder {

namespace {

using kind = value::kind;

using arguments = std::span<const value>;

// -- checking -----------------------------------------------------------------

tl::unexpected<error> wrong_kind(const value& x, std::string_view wanted) {
  return fail(errc::wrong_type, "expected " + std::string{wanted}
                                  + ", got a value of kind "
                                  + std::string{to_string(x.type())});
}

tl::unexpected<error> nothing_there() {
  return fail(errc::not_found, "there is nothing to change");
}

/// Wraps a function so that it only runs with a fitting number of arguments.
named_function with_arity(size_t least, size_t most, named_function f) {
  return [least, most, f = std::move(f)](const value* old,
                                         arguments args) -> expected<value> {
    if (args.size() >= least && args.size() <= most)
      return f(old, args);
    auto wanted = least == most
                    ? std::to_string(least)
                    : std::to_string(least)
                        + (most == std::numeric_limits<size_t>::max()
                             ? " or more"
                             : " to " + std::to_string(most));
    return fail(errc::invalid_argument, "expected " + wanted
                                          + " arguments, got "
                                          + std::to_string(args.size()));
  };
}

constexpr size_t any_number = std::numeric_limits<size_t>::max();

// -- numbers ------------------------------------------------------------------

expected<value> sum(const value* old, arguments args, bool negate) {
  value result = old != nullptr ? *old : value{0};
  for (auto& x : args) {
    auto next = internal::add(result, x, negate);
    if (!next)
      return next;
    result = std::move(*next);
  }
  return result;
}

expected<value> inc(const value* old, arguments args) {
  value one = 1;
  return sum(old, args.empty() ? arguments{&one, 1} : args, false);
}

expected<value> dec(const value* old, arguments args) {
  value one = 1;
  return sum(old, args.empty() ? arguments{&one, 1} : args, true);
}

expected<value> add_all(const value* old, arguments args) {
  return sum(old, args, false);
}

/// Numbers compare by size whatever their kinds, other values only with values
/// of the same kind.
expected<std::strong_ordering> compare(const value& x, const value& y) {
  if (internal::is_number(x) && internal::is_number(y))
    return internal::compare_numbers(x, y);
  if (x.type() != y.type())
    return fail(errc::wrong_type, "cannot compare a value of kind "
                                    + std::string{to_string(x.type())}
                                    + " with one of kind "
                                    + std::string{to_string(y.type())});
  return x <=> y;
}

expected<value> extreme(const value* old, arguments args,
                        std::strong_ordering wanted) {
  auto result = old != nullptr ? *old : args.front();
  for (auto& x : args) {
    auto order = compare(x, result);
    if (!order)
      return fail(std::move(order.error()));
    if (*order == wanted)
      result = x;
  }
  return result;
}

expected<value> min(const value* old, arguments args) {
  return extreme(old, args, std::strong_ordering::less);
}

expected<value> max(const value* old, arguments args) {
  return extreme(old, args, std::strong_ordering::greater);
}

// -- collections --------------------------------------------------------------

/// Adds the entries of a map, or the one of a pair `[key value]`.
expected<value> conj_map(value result, const value& x) {
  if (x.is(kind::map)) {
    for (auto& [key, val] : x.entries())
      result = std::move(result).with(key, val);
    return result;
  }
  if (x.is(kind::vector) && x.size() == 2)
    return std::move(result).with(x.items()[0], x.items()[1]);
  return wrong_kind(x, "a map or a vector of key and value");
}

expected<value> conj(const value* old, arguments args) {
  value result = old != nullptr ? *old : value::vector();
  switch (result.type()) {
    case kind::vector: {
      auto items = std::move(result).take_items();
      items.insert(items.end(), args.begin(), args.end());
      return value::vector(std::move(items));
    }
    case kind::list: {
      auto items = std::move(result).take_items();
      items.insert(items.begin(), std::make_reverse_iterator(args.end()),
                   std::make_reverse_iterator(args.begin()));
      return value::list(std::move(items));
    }
    case kind::set: {
      auto items = std::move(result).take_items();
      items.insert(items.end(), args.begin(), args.end());
      return value::set(std::move(items));
    }
    case kind::map:
      for (auto& x : args) {
        auto next = conj_map(std::move(result), x);
        if (!next)
          return next;
        result = std::move(*next);
      }
      return result;
    default:
      return wrong_kind(result, "a collection");
  }
}

expected<value> disj(const value* old, arguments args) {
  if (old == nullptr)
    return nothing_there();
  if (!old->is(kind::set))
    return wrong_kind(*old, "a set");
  auto result = *old;
  for (auto& x : args)
    result = std::move(result).without(x);
  return result;
}

expected<value> assoc_one(value coll, const value& key, const value& x) {
  if (coll.is(kind::map))
    return std::move(coll).with(key, x);
  if (!coll.is(kind::vector))
    return wrong_kind(coll, "a map or a vector");
  if (!key.is(kind::integer))
    return wrong_kind(key, "an index");
  auto index = key.as_integer();
  auto size = static_cast<int64_t>(coll.size());
  if (index < 0 || index > size)
    return fail(errc::out_of_range, "index " + std::to_string(index)
                                      + " of a vector of "
                                      + std::to_string(size) + " items");
  auto items = std::move(coll).take_items();
  if (index == size)
    items.push_back(x);
  else
    items[static_cast<size_t>(index)] = x;
  return value::vector(std::move(items));
}

expected<value> assoc(const value* old, arguments args) {
  if (args.size() % 2 != 0)
    return fail(errc::invalid_argument,
                "expected pairs of a key and a value, the last key has none");
  value result = old != nullptr ? *old : value::map();
  for (size_t i = 0; i < args.size(); i += 2) {
    auto next = assoc_one(std::move(result), args[i], args[i + 1]);
    if (!next)
      return next;
    result = std::move(*next);
  }
  return result;
}

expected<value> dissoc(const value* old, arguments args) {
  if (old == nullptr)
    return nothing_there();
  if (!old->is(kind::map))
    return wrong_kind(*old, "a map");
  auto result = *old;
  for (auto& key : args)
    result = std::move(result).without(key);
  return result;
}

/// Maps merge entry by entry; anything else replaces.
value merge_deep(value into, const value& from) {
  if (!into.is(kind::map) || !from.is(kind::map))
    return from;
  for (auto& [key, val] : from.entries()) {
    auto there = into.find(key);
    into = std::move(into).with(key, there != nullptr ? merge_deep(*there, val)
                                                      : val);
  }
  return into;
}

expected<value> merge(const value* old, arguments args) {
  value result = old != nullptr ? *old : value::map();
  if (!result.is(kind::map))
    return wrong_kind(result, "a map");
  for (auto& x : args) {
    if (!x.is(kind::map))
      return wrong_kind(x, "a map");
    if (x.depth() > limits{}.max_depth)
      return fail(errc::limit_exceeded, "a map is nested too deeply to merge");
    result = merge_deep(std::move(result), x);
  }
  return result;
}

expected<value> union_of(const value* old, arguments args) {
  value result = old != nullptr ? *old : value::set();
  if (!result.is(kind::set))
    return wrong_kind(result, "a set");
  auto items = std::move(result).take_items();
  for (auto& x : args) {
    if (!x.is(kind::set) && !x.is(kind::vector) && !x.is(kind::list))
      return wrong_kind(x, "a set, vector or list");
    auto more = x.items();
    items.insert(items.end(), more.begin(), more.end());
  }
  return value::set(std::move(items));
}

// -- sequences ----------------------------------------------------------------

value append_one(const value& x, const value& y) {
  switch (x.type()) {
    case kind::string:
      return value{std::string{x.as_string()} + std::string{y.as_string()}};
    case kind::bytes: {
      auto result = to_bytes(x.as_bytes());
      append(result, y.as_bytes());
      return value{std::move(result)};
    }
    default: {
      auto items = std::vector<value>{x.items().begin(), x.items().end()};
      items.insert(items.end(), y.items().begin(), y.items().end());
      return x.is(kind::vector) ? value::vector(std::move(items))
                                : value::list(std::move(items));
    }
  }
}

expected<value> append_all(const value* old, arguments args) {
  auto first = old != nullptr ? *old : args.front();
  if (old == nullptr)
    args = args.subspan(1);
  if (!first.is(kind::string) && !first.is(kind::bytes)
      && !first.is(kind::vector) && !first.is(kind::list))
    return wrong_kind(first, "a string, bytes, a vector or a list");
  for (auto& x : args) {
    if (x.type() != first.type())
      return wrong_kind(x, "a value of kind "
                             + std::string{to_string(first.type())});
    first = append_one(first, x);
  }
  return first;
}

// -- others -------------------------------------------------------------------

expected<value> toggle(const value* old, arguments) {
  if (old == nullptr)
    return value{true};
  if (!old->is(kind::boolean))
    return wrong_kind(*old, "a boolean");
  return value{!old->as_boolean()};
}

expected<value> swap_if(const value* old, arguments args) {
  if (old == nullptr)
    return fail(errc::precondition_failed,
                "there is nothing, not " + to_edn(args[0]));
  if (*old != args[0])
    return fail(errc::precondition_failed,
                "the value is " + to_edn(*old) + ", not " + to_edn(args[0]));
  return args[1];
}

} // namespace

// -- the registry -------------------------------------------------------------

function_registry::function_registry()
  : functions_{
    {"inc", with_arity(0, 1, inc)},
    {"dec", with_arity(0, 1, dec)},
    {"add", with_arity(1, any_number, add_all)},
    {"conj", with_arity(1, any_number, conj)},
    {"disj", with_arity(1, any_number, disj)},
    {"assoc", with_arity(2, any_number, assoc)},
    {"dissoc", with_arity(1, any_number, dissoc)},
    {"merge", with_arity(1, any_number, merge)},
    {"union", with_arity(1, any_number, union_of)},
    {"append", with_arity(1, any_number, append_all)},
    {"min", with_arity(1, any_number, min)},
    {"max", with_arity(1, any_number, max)},
    {"toggle", with_arity(0, 0, toggle)},
    {"swap-if", with_arity(2, 2, swap_if)},
  } {
  // nop
}

expected<void> function_registry::add(std::string name, named_function f) {
  if (name.empty() || !f)
    return fail(errc::invalid_argument,
                "an update function needs a name and something to call");
  if (functions_.contains(name))
    return fail(errc::already_exists,
                "there is an update function \"" + name + "\" already");
  functions_.emplace(std::move(name), std::move(f));
  return {};
}

expected<const named_function*>
function_registry::find(const std::string& name) const {
  auto i = functions_.find(name);
  if (i != functions_.end())
    return &i->second;
  std::string known;
  for (auto& [other, f] : functions_)
    known += (known.empty() ? "" : ", ") + other;
  return fail(errc::unknown_function,
              "no update function \"" + name + "\"; there are " + known);
}

std::vector<std::string> function_registry::names() const {
  std::vector<std::string> result;
  for (auto& [name, f] : functions_)
    result.push_back(name);
  return result;
}

} // namespace larder
