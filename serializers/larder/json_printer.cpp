// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/base64.hpp"
#include "larder/detail/instant.hpp"
#include "larder/detail/number_text.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace larder {

using namespace detail;

namespace {

/// Returns the characters of a value that JSON has as a string, nothing for
/// other values.
std::optional<std::string> string_form(const value& x) {
  using kind = value::kind;
  switch (x.type()) {
    case kind::string:
    case kind::keyword:
    case kind::symbol:
      return std::string{x.as_string()};
    case kind::character: {
      std::string result;
      append_utf8(result, x.as_character());
      return result;
    }
    case kind::bytes:
      return to_base64(x.as_bytes());
    case kind::uuid:
      return to_string(x.as_uuid());
    case kind::instant: {
      auto ms = x.as_instant();
      if (ms < min_rfc3339 || ms > max_rfc3339)
        return to_edn(x);
      auto text = format_instant(ms);
      return std::string{text.begin(), text.end()};
    }
    case kind::real:
      if (std::isnan(x.as_real()))
        return "NaN";
      if (std::isinf(x.as_real()))
        return x.as_real() < 0 ? "-Infinity" : "Infinity";
      return std::nullopt;
    case kind::big_integer:
      if (has_too_many_digits(x.as_big_integer().digits))
        return to_edn(x);
      return std::nullopt;
    case kind::decimal:
      if (has_too_many_digits(x.as_decimal().unscaled))
        return to_edn(x);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

void append_scalar(std::string& out, const value& x) {
  if (auto str = string_form(x)) {
    append_quoted(out, *str);
    return;
  }
  using kind = value::kind;
  switch (x.type()) {
    case kind::nil:
      out += "null";
      break;
    case kind::boolean:
      out += x.as_boolean() ? "true" : "false";
      break;
    case kind::integer:
      out += std::to_string(x.as_integer());
      break;
    case kind::big_integer:
      out += x.as_big_integer().digits.str();
      break;
    case kind::real:
      append_real(out, x.as_real());
      break;
    case kind::decimal:
      append_decimal(out, x.as_decimal());
      break;
    default:
      break; // collections are the caller's
  }
}

/// Returns the names of an object's members, all different.
std::vector<std::string> names_of(const value& map) {
  std::vector<std::string> result;
  result.reserve(map.size());
  for (auto& [key, val] : map.entries()) {
    auto str = string_form(key);
    result.push_back(str ? std::move(*str) : to_edn(key));
  }
  auto sorted = result;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) {
    // The EDN of different keys is different.
    result.clear();
    for (auto& [key, val] : map.entries())
      result.push_back(to_edn(key));
  }
  return result;
}

/// Prints a value of any depth: collections that are open are on a stack of its
/// own.
class json_printer {
public:
  explicit json_printer(json_options options) : options_(options) {
    // nop
  }

  std::string print(const value& x) && {
    visit(x);
    while (!stack_.empty())
      if (auto part = next_part())
        visit(*part);
    return std::move(out_);
  }

private:
  struct frame {
    const value* node;
    std::vector<std::string> names; // of an object
    size_t done = 0;
  };

  void visit(const value& x) {
    if (!x.is_collection()) {
      append_scalar(out_, x);
      return;
    }
    frame next{&x, {}};
    if (x.is(value::kind::map))
      next.names = names_of(x);
    else if (x.is(value::kind::tagged))
      next.names = {"tag", "value"};
    out_ += is_object(x) ? '{' : '[';
    stack_.push_back(std::move(next));
  }

  static bool is_object(const value& x) noexcept {
    return x.is(value::kind::map) || x.is(value::kind::tagged);
  }

  /// Prints what stands before the next part of the innermost collection and
  /// returns that part; at the end, closes the collection and returns null.
  const value* next_part() {
    auto& [node, names, done] = stack_.back();
    auto object = is_object(*node);
    if (node->is(value::kind::tagged) && done == 0) {
      begin_part(names, done);
      append_quoted(out_, node->tag());
      ++done;
    }
    if (done == (object ? names.size() : node->size())) {
      auto empty = done == 0;
      auto closer = object ? '}' : ']';
      stack_.pop_back();
      if (!empty)
        new_line();
      out_ += closer;
      return nullptr;
    }
    begin_part(names, done);
    auto i = done++;
    switch (node->type()) {
      case value::kind::map:
        return &node->entries()[i].second;
      case value::kind::tagged:
        return &node->content();
      default:
        return &node->items()[i];
    }
  }

  void begin_part(const std::vector<std::string>& names, size_t i) {
    if (i > 0)
      out_ += ',';
    new_line();
    if (names.empty())
      return;
    append_quoted(out_, names[i]);
    out_ += options_.pretty ? ": " : ":";
  }

  void new_line() {
    if (!options_.pretty)
      return;
    out_ += '\n';
    // Indentation of very deep values would take quadratic space.
    out_.append(2 * std::min(stack_.size(), limits{}.max_depth), ' ');
  }

  json_options options_;
  std::string out_;
  std::vector<frame> stack_;
};

} // namespace

std::string to_json(const value& x, json_options options) {
  return json_printer{options}.print(x);
}

} // namespace larder
