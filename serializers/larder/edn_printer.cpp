// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/base64.hpp"
#include "larder/detail/edn_name.hpp"
#include "larder/detail/instant.hpp"
#include "larder/detail/number_text.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

#include <cmath>

namespace larder {

using namespace detail;

namespace {

void append_tagged_text(std::string& out, std::string_view tag,
                        std::string_view content) {
  out += '#';
  out += tag;
  out += ' ';
  append_quoted(out, content);
}

void append_edn_real(std::string& out, double x) {
  if (std::isnan(x))
    out += "##NaN";
  else if (std::isinf(x))
    out += x < 0 ? "##-Inf" : "##Inf";
  else
    append_real(out, x);
}

void append_edn_integer(std::string& out, const big_integer& x) {
  if (has_too_many_digits(x.digits)) {
    append_tagged_text(out, "larder/integer", to_hex_digits(x.digits));
    return;
  }
  out += x.digits.str();
  out += 'N';
}

void append_edn_decimal(std::string& out, const decimal& x) {
  if (has_too_many_digits(x.unscaled)) {
    append_tagged_text(out, "larder/decimal",
                       to_hex_digits(x.unscaled) + " "
                         + std::to_string(x.scale));
    return;
  }
  append_decimal(out, x);
  out += 'M';
}

void append_edn_character(std::string& out, char32_t x) {
  constexpr std::pair<char32_t, std::string_view> names[]
    = {{'\n', "\\newline"}, {' ', "\\space"},     {'\t', "\\tab"},
       {'\r', "\\return"},  {'\f', "\\formfeed"}, {'\b', "\\backspace"}};
  for (auto& [known, name] : names)
    if (x == known) {
      out += name;
      return;
    }
  if (is_control(x) || is_space(x) || x == 0xFEFF) {
    append_u_escape(out, x);
    return;
  }
  out += '\\';
  append_utf8(out, x);
}

void append_edn_keyword(std::string& out, std::string_view name) {
  if (is_edn_keyword(name)) {
    out += ':';
    out += name;
  } else {
    append_tagged_text(out, "larder/keyword", name);
  }
}

void append_edn_symbol(std::string& out, std::string_view name) {
  if (is_edn_symbol(name))
    out += name;
  else
    append_tagged_text(out, "larder/symbol", name);
}

void append_edn_instant(std::string& out, int64_t ms) {
  if (ms < min_rfc3339 || ms > max_rfc3339) {
    out += "#larder/instant " + std::to_string(ms);
    return;
  }
  auto text = format_instant(ms);
  // Clojure prints the offset of UTC as -00:00, not as Z.
  std::string str{text.data(), text.size() - 1};
  append_tagged_text(out, "inst", str + "-00:00");
}

void append_scalar(std::string& out, const value& x) {
  using kind = value::kind;
  switch (x.type()) {
    case kind::nil:
      out += "nil";
      break;
    case kind::boolean:
      out += x.as_boolean() ? "true" : "false";
      break;
    case kind::integer:
      out += std::to_string(x.as_integer());
      break;
    case kind::big_integer:
      append_edn_integer(out, x.as_big_integer());
      break;
    case kind::real:
      append_edn_real(out, x.as_real());
      break;
    case kind::decimal:
      append_edn_decimal(out, x.as_decimal());
      break;
    case kind::character:
      append_edn_character(out, x.as_character());
      break;
    case kind::string:
      append_quoted(out, x.as_string());
      break;
    case kind::keyword:
      append_edn_keyword(out, x.as_string());
      break;
    case kind::symbol:
      append_edn_symbol(out, x.as_string());
      break;
    case kind::bytes:
      append_tagged_text(out, "larder/bytes", to_base64(x.as_bytes()));
      break;
    case kind::uuid:
      append_tagged_text(out, "uuid", to_string(x.as_uuid()));
      break;
    case kind::instant:
      append_edn_instant(out, x.as_instant());
      break;
    default:
      break; // collections are the caller's
  }
}

/// A collection that is being printed, and how many of its parts are done. A
/// stack of these in place of recursion prints values of any depth.
struct frame {
  const value* node;
  size_t done = 0;
};

void open(std::string& out, const value& x) {
  switch (x.type()) {
    case value::kind::vector:
      out += '[';
      break;
    case value::kind::list:
      out += '(';
      break;
    case value::kind::set:
      out += "#{";
      break;
    case value::kind::map:
      out += '{';
      break;
    default: // tagged
      if (is_edn_tag(x.tag())) {
        out += '#';
        out += x.tag();
      } else {
        out += "#larder/tagged [";
        append_quoted(out, x.tag());
      }
      out += ' ';
  }
}

void close(std::string& out, const value& x) {
  switch (x.type()) {
    case value::kind::vector:
      out += ']';
      break;
    case value::kind::list:
      out += ')';
      break;
    case value::kind::tagged:
      if (!is_edn_tag(x.tag()))
        out += ']';
      break;
    default:
      out += '}';
  }
}

/// Returns the next part of a collection and prints what stands before it; null
/// at the end.
const value* next_part(std::string& out, frame& x) {
  auto i = x.done++;
  switch (x.node->type()) {
    case value::kind::tagged:
      return i == 0 ? &x.node->content() : nullptr;
    case value::kind::map: {
      auto entries = x.node->entries();
      if (i / 2 == entries.size())
        return nullptr;
      if (i > 0)
        out += i % 2 == 0 ? ", " : " ";
      auto& [key, val] = entries[i / 2];
      return i % 2 == 0 ? &key : &val;
    }
    default: {
      auto items = x.node->items();
      if (i == items.size())
        return nullptr;
      if (i > 0)
        out += ' ';
      return &items[i];
    }
  }
}

} // namespace

std::string to_edn(const value& x) {
  std::string out;
  std::vector<frame> stack;
  auto visit = [&](const value& y) {
    if (y.is_collection()) {
      open(out, y);
      stack.push_back({&y});
    } else {
      append_scalar(out, y);
    }
  };
  visit(x);
  while (!stack.empty()) {
    if (auto part = next_part(out, stack.back())) {
      visit(*part);
    } else {
      close(out, *stack.back().node);
      stack.pop_back();
    }
  }
  return out;
}

} // namespace larder
