// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "transaction_text.hpp"

#include "arguments.hpp"

#include "larder/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

namespace larder::cli {

namespace {

// -- forms --------------------------------------------------------------------

/// What a condition or an operation is written as.
struct form_type {
  std::string_view name;
  size_t min_arguments;
  size_t max_arguments;
  std::string_view usage;
};

constexpr form_type condition_types[] = {
  {"present", 1, 2, "[:present KEY PATH?]"},
  {"absent", 1, 2, "[:absent KEY PATH?]"},
  {"revision", 2, 2, "[:revision KEY REVISION]"},
  {"equals", 3, 3, "[:equals KEY PATH VALUE]"},
};

constexpr form_type operation_types[] = {
  {"get", 1, 3, "[:get KEY PATH? DEFAULT?]"},
  {"put", 2, 3, "[:put KEY VALUE OPTIONS?]"},
  {"put-in", 3, 4, "[:put-in KEY PATH VALUE OPTIONS?]"},
  {"update", 3, any_number, "[:update KEY PATH FUNCTION ARGUMENT…]"},
  {"erase", 1, 2, "[:erase KEY PATH?]"},
};

/// One condition or operation: its name is known, the number of its arguments
/// is right.
struct form {
  std::string_view name;
  std::span<const value> arguments; ///< the key first
  std::string where;                ///< for messages

  const value& key() const {
    return arguments[0];
  }

  tl::unexpected<failure> wrong(std::string_view what) const {
    return usage_error(fmt::format("{}: {}", where, what));
  }

  /// Reads the path at `index`; empty if there is none.
  result<path> steps(size_t index) const {
    if (index >= arguments.size())
      return path{};
    auto& x = arguments[index];
    if (!x.is(value::kind::vector))
      return wrong(fmt::format("PATH is a vector of steps, not {}", to_edn(x)));
    return path{x.items().begin(), x.items().end()};
  }
};

/// Returns the text of a keyword or string, else nothing.
std::optional<std::string_view> name_of(const value& x) {
  if (x.is(value::kind::keyword) || x.is(value::kind::string))
    return x.as_string();
  return std::nullopt;
}

result<form> read_form(std::span<const form_type> types, const value& x,
                       std::string where) {
  auto wrong = [&](const std::string& what) {
    return usage_error(fmt::format("{}: {}", where, what));
  };
  if (!x.is(value::kind::vector) || x.size() == 0)
    return wrong(fmt::format("write a vector such as {}", types[0].usage));
  auto items = x.items();
  auto name = name_of(items[0]);
  auto type = std::find_if(types.begin(), types.end(),
                           [&](auto& t) { return name && t.name == *name; });
  if (type == types.end()) {
    std::string known;
    for (auto& t : types)
      known += fmt::format("{}:{}", known.empty() ? "" : ", ", t.name);
    return wrong(fmt::format("{} is none of {}", to_edn(items[0]), known));
  }
  auto n = items.size() - 1;
  if (n < type->min_arguments || n > type->max_arguments)
    return wrong(fmt::format("too {} arguments: write {}",
                             n < type->min_arguments ? "few" : "many",
                             type->usage));
  return form{type->name, items.subspan(1), std::move(where)};
}

// -- conditions ---------------------------------------------------------------

result<transact_condition> read_condition(const value& x, std::string where) {
  using kind = transact_condition::kind;
  auto read = read_form(condition_types, x, std::move(where));
  if (!read)
    return fail(std::move(read.error()));
  transact_condition res;
  res.key = read->key();
  if (read->name == "revision") {
    res.type = kind::revision;
    auto& text = read->arguments[1];
    if (!text.is(value::kind::string))
      return read->wrong("REVISION is a string");
    auto rev = revision::parse(text.as_string());
    if (!rev)
      return read->wrong(rev.error().message());
    res.rev = *rev;
    return res;
  }
  auto steps = read->steps(1);
  if (!steps)
    return fail(std::move(steps.error()));
  res.steps = std::move(*steps);
  if (read->name == "equals") {
    res.type = kind::equals;
    res.content = read->arguments[2];
  } else {
    res.type = read->name == "present" ? kind::present : kind::absent;
  }
  return res;
}

// -- operations ---------------------------------------------------------------

/// Reads the map `{:ttl "30m" :meta {…}}` at `index` of a put, if there is one.
result<void> read_options(const form& from, size_t index, put_request& to) {
  if (index >= from.arguments.size())
    return {};
  auto& options = from.arguments[index];
  if (!options.is(value::kind::map))
    return from.wrong("OPTIONS is a map with :ttl, :meta or both");
  for (auto& [key, x] : options.entries()) {
    auto name = name_of(key);
    if (name == "ttl") {
      if (!x.is(value::kind::string))
        return from.wrong(":ttl is a string such as \"30m\"");
      auto ttl = parse_duration(x.as_string());
      if (!ttl)
        return from.wrong(":ttl: " + ttl.error().message);
      to.ttl = time_to_live{*ttl};
    } else if (name == "meta") {
      if (auto checked = metadata::check_extras(x); !checked)
        return from.wrong(":meta: " + checked.error().message());
      to.extras = x;
    } else {
      return from.wrong(to_edn(key) + " is none of :ttl, :meta");
    }
  }
  return {};
}

result<transact_operation> read_put(const form& from, path steps) {
  put_request res;
  auto content = size_t{from.name == "put-in" ? 2u : 1u};
  res.key = from.key();
  res.steps = std::move(steps);
  res.content = from.arguments[content];
  if (auto ok = read_options(from, content + 1, res); !ok)
    return fail(std::move(ok.error()));
  return res;
}

result<transact_operation> read_update(const form& from, path steps) {
  auto function = name_of(from.arguments[2]);
  if (!function)
    return from.wrong("FUNCTION is a name such as :inc");
  update_request res;
  res.key = from.key();
  res.steps = std::move(steps);
  res.function = *function;
  auto arguments = from.arguments.subspan(3);
  res.arguments.assign(arguments.begin(), arguments.end());
  return res;
}

result<transact_operation> read_operation(const value& x, std::string where) {
  auto read = read_form(operation_types, x, std::move(where));
  if (!read)
    return fail(std::move(read.error()));
  if (read->name == "put")
    return read_put(*read, {});
  auto steps = read->steps(1);
  if (!steps)
    return fail(std::move(steps.error()));
  if (read->name == "put-in")
    return read_put(*read, std::move(*steps));
  if (read->name == "update")
    return read_update(*read, std::move(*steps));
  if (read->name == "erase")
    return erase_request{read->key(), std::move(*steps), {}};
  get_request res{read->key(), std::move(*steps), {}};
  if (read->arguments.size() > 2)
    res.fallback = read->arguments[2];
  return res;
}

// -- transactions -------------------------------------------------------------

/// Reads a vector of conditions or operations.
template <class T>
result<void> read_all(result<T> (*read)(const value&, std::string),
                      std::string_view part, std::string_view what,
                      const value& from, std::vector<T>& to) {
  if (!from.is(value::kind::vector))
    return usage_error(fmt::format(":{}: write a vector of {}s", part, what));
  for (auto& x : from.items()) {
    auto item = read(x, fmt::format(":{}, {} {}", part, what, to.size() + 1));
    if (!item)
      return fail(std::move(item.error()));
    to.push_back(std::move(*item));
  }
  return {};
}

result<void> read_part(const value& key, const value& x, transact_request& to) {
  auto name = name_of(key);
  if (name == "if")
    return read_all(&read_condition, *name, "condition", x, to.conditions);
  if (name == "then")
    return read_all(&read_operation, *name, "operation", x, to.then_operations);
  if (name == "else")
    return read_all(&read_operation, *name, "operation", x, to.else_operations);
  return usage_error(to_edn(key) + " is none of :if, :then, :else");
}

value describe(const get_reply& x) {
  return value::map({{value::keyword("value"), x.content}});
}

value describe(const put_reply& x) {
  return value::map({{value::keyword("revision"), to_string(x.rev)}});
}

value describe(const update_reply& x) {
  return value::map({{value::keyword("before"), x.before},
                     {value::keyword("after"), x.after},
                     {value::keyword("revision"), to_string(x.rev)}});
}

value describe(const erase_reply& x) {
  return value::map({{value::keyword("existed"), x.existed}});
}

} // namespace

result<transact_request> read_transaction(const value& x) {
  if (!x.is(value::kind::map))
    return usage_error("a transaction is a map with :if, :then and :else");
  transact_request res;
  std::set<std::string_view> parts;
  for (auto& [key, part] : x.entries()) {
    if (auto name = name_of(key); name && !parts.insert(*name).second)
      return usage_error(fmt::format(":{} is there twice", *name));
    if (auto ok = read_part(key, part, res); !ok)
      return fail(std::move(ok.error()));
  }
  return res;
}

value describe_transaction(const transact_reply& reply) {
  std::vector<value> results;
  for (auto& x : reply.results)
    results.push_back(std::visit([](auto& y) { return describe(y); }, x));
  return value::map(
    {{value::keyword("branch"),
      value::keyword(reply.succeeded ? "then" : "else")},
     {value::keyword("results"), value::vector(std::move(results))}});
}

} // namespace larder::cli
