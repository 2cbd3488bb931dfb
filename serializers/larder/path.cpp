// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/path.hpp"

#include "larder/detail/utf8.hpp"
#include "larder/limits.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <optional>

namespace larder {

namespace {

using kind = value::kind;

std::string name_of(kind x) {
  return std::string{to_string(x)};
}

bool is_sequence(const value& x) noexcept {
  return x.is(kind::vector) || x.is(kind::list);
}

/// Begins a message about a step: `path step 2 (:city)`.
std::string step_name(path_view steps, size_t i) {
  return "path step " + std::to_string(i + 1) + " ("
         + detail::excerpt(to_edn(steps[i])) + ")";
}

/// Tells why a step does not lead further inside `node`.
std::string reason(const value& node, const value& step) {
  if (node.is(kind::map))
    return "the map has no such key";
  if (node.is(kind::set))
    return "the set has no such item";
  if (!is_sequence(node))
    return "it leads into a value of kind " + name_of(node.type());
  if (!step.is(kind::integer))
    return "an index into a " + name_of(node.type())
           + " must be an integer, not of kind " + name_of(step.type());
  return "the " + name_of(node.type()) + " has " + std::to_string(node.size())
         + " items";
}

tl::unexpected<error> fail_at(errc code, const value& node, path_view steps,
                              size_t i) {
  return fail(code, step_name(steps, i) + ": " + reason(node, steps[i]));
}

/// Returns the place in a sequence that `step` names, if it is below `end`.
std::optional<size_t> index_of(const value& step, size_t end) noexcept {
  if (!step.is(kind::integer) || step.as_integer() < 0
      || static_cast<uint64_t>(step.as_integer()) >= end)
    return std::nullopt;
  return static_cast<size_t>(step.as_integer());
}

expected<void> check_depth(size_t depth, std::string_view what) {
  constexpr auto max_depth = limits{}.max_depth;
  if (depth > max_depth)
    return fail(errc::limit_exceeded, std::string{what} + " is deeper than "
                                        + std::to_string(max_depth));
  return {};
}

/// Returns what one step leads to, or null.
const value* child(const value& node, const value& step) noexcept {
  if (node.is(kind::map) || node.is(kind::set))
    return node.find(step);
  if (!is_sequence(node))
    return nullptr;
  auto i = index_of(step, node.size());
  return i ? &node.items()[*i] : nullptr;
}

expected<const value*> walk(const value& root, path_view steps) {
  if (auto res = check_depth(steps.size(), "the path"); !res)
    return fail(std::move(res.error()));
  auto node = &root;
  for (size_t i = 0; i < steps.size(); ++i) {
    auto next = child(*node, steps[i]);
    if (!next)
      return fail_at(errc::not_found, *node, steps, i);
    node = next;
  }
  return node;
}

value rebuild(kind k, std::vector<value> items) {
  return k == kind::vector ? value::vector(std::move(items))
                           : value::list(std::move(items));
}

/// Applies a change to the node at the end of a path. Nodes on the way are
/// taken apart and put together again, those that are shared after a copy.
class changer {
public:
  /// From what is at the path (null: nothing) to what shall be there (null:
  /// nothing).
  using change_fn = std::function<expected<std::optional<value>>(const value*)>;

  changer(path_view steps, const change_fn& f) : steps_(steps), f_(f) {
    // nop
  }

  expected<std::optional<value>> apply(std::optional<value> node, size_t i) {
    if (i == steps_.size())
      return f_(node ? &*node : nullptr);
    if (!node || node->is_nil())
      node = value::map();
    switch (node->type()) {
      case kind::map:
        return apply_to_map(std::move(*node), i);
      case kind::set:
        return apply_to_set(std::move(*node), i);
      case kind::vector:
      case kind::list:
        return apply_to_sequence(std::move(*node), i);
      default:
        return fail_at(errc::invalid_path, *node, steps_, i);
    }
  }

private:
  expected<std::optional<value>> apply_to_map(value node, size_t i) {
    auto& step = steps_[i];
    auto entries = std::move(node).take_entries();
    auto pos
      = std::ranges::lower_bound(entries, step, {}, &value::entry::first);
    auto found = pos != entries.end() && pos->first == step;
    std::optional<value> old;
    if (found)
      old = std::move(pos->second);
    auto next = apply(std::move(old), i + 1);
    if (!next)
      return next;
    if (!*next)
      entries.erase(pos);
    else if (found)
      pos->second = std::move(**next);
    else
      entries.emplace(pos, step, std::move(**next));
    return value::map_from_sorted(std::move(entries));
  }

  expected<std::optional<value>> apply_to_sequence(value node, size_t i) {
    auto k = node.type();
    auto index = index_of(steps_[i], node.size() + 1);
    if (!index)
      return fail_at(errc::invalid_path, node, steps_, i);
    auto items = std::move(node).take_items();
    std::optional<value> old;
    if (*index < items.size())
      old = std::move(items[*index]);
    auto next = apply(std::move(old), i + 1);
    if (!next)
      return next;
    if (!*next)
      items.erase(items.begin() + static_cast<ptrdiff_t>(*index));
    else if (*index < items.size())
      items[*index] = std::move(**next);
    else
      items.push_back(std::move(**next));
    return rebuild(k, std::move(items));
  }

  expected<std::optional<value>> apply_to_set(value node, size_t i) {
    auto& step = steps_[i];
    std::optional<value> old;
    if (auto item = node.find(step))
      old = *item;
    auto had = old.has_value();
    auto next = apply(std::move(old), i + 1);
    if (!next)
      return next;
    if (!*next)
      return std::move(node).without(step);
    if (**next != step)
      return fail(errc::invalid_argument,
                  step_name(steps_, i)
                    + ": an item of a set is its own step and cannot become "
                    + detail::excerpt(to_edn(**next)));
    if (had)
      return node;
    auto items = std::move(node).take_items();
    items.insert(std::ranges::lower_bound(items, step), std::move(**next));
    return value::set_from_sorted(std::move(items));
  }

  path_view steps_;
  const change_fn& f_;
};

} // namespace

expected<value> get_in(const value& root, path_view steps) {
  auto found = walk(root, steps);
  if (!found)
    return fail(std::move(found.error()));
  return **found;
}

expected<value> assoc_in(value root, path_view steps, value x) {
  auto result = update_in(std::move(root), steps,
                          [&](const value*) { return std::move(x); });
  if (!result)
    return fail(std::move(result.error()));
  return std::move(result->root);
}

expected<update_result> update_in(value root, path_view steps,
                                  const update_fn& f) {
  if (auto res = check_depth(steps.size(), "the path"); !res)
    return fail(std::move(res.error()));
  update_result result;
  changer::change_fn change
    = [&](const value* old) -> expected<std::optional<value>> {
    auto x = f(old);
    if (!x)
      return fail(std::move(x.error()));
    if (old)
      result.before = *old;
    result.after = std::move(*x);
    return result.after;
  };
  auto changed = changer{steps, change}.apply(std::move(root), 0);
  if (!changed)
    return fail(std::move(changed.error()));
  result.root = std::move(**changed);
  if (auto res = check_depth(result.root.depth(), "the result"); !res)
    return fail(std::move(res.error()));
  return result;
}

expected<value> dissoc_in(value root, path_view steps) {
  if (steps.empty())
    return fail(errc::invalid_argument,
                "the empty path names the whole value: erase the key instead");
  // Look first: nothing is to be taken apart for a path that leads nowhere.
  if (auto found = walk(root, steps); !found)
    return fail(std::move(found.error()));
  auto changed
    = changer{steps, [](const value*) { return std::nullopt; }}.apply(
      std::move(root), 0);
  if (!changed)
    return fail(std::move(changed.error()));
  return std::move(**changed);
}

} // namespace larder
