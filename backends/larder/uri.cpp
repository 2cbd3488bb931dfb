// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/uri.hpp"

#include "larder/bytes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace larder {

namespace {

constexpr std::string_view redaction = "REDACTED";

// RFC 3986 names the characters that need no escape per part; `&`, `=` and `+`
// are escaped in options because they mean something there.
constexpr std::string_view authority_chars = "-._~!$&'()*+,;=:@[]";
constexpr std::string_view path_chars = "-._~!$&'()*+,;=:@/";
constexpr std::string_view option_chars = "-._~!$'()*,;:@/?";

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string to_lower(std::string_view str) {
  std::string result{str};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string quoted(std::string_view str) {
  return "\"" + std::string{str} + "\"";
}

tl::unexpected<error> invalid(std::string_view what) {
  return fail(errc::invalid_argument, "bad URI: " + std::string{what});
}

// -- escapes ------------------------------------------------------------------

expected<std::string> unescape(std::string_view str, std::string_view part) {
  std::string result;
  bytes octet;
  for (size_t i = 0; i < str.size(); ++i) {
    if (str[i] != '%') {
      result += str[i];
      continue;
    }
    if (i + 2 >= str.size() || !from_hex(str.substr(i + 1, 2), octet))
      return invalid("a % in the " + std::string{part}
                     + " must be followed by two hexadecimal digits (a percent "
                       "sign itself is %25)");
    if (octet[0] == std::byte{0})
      return invalid("%00 is not allowed in the " + std::string{part});
    result += static_cast<char>(octet[0]);
    i += 2;
  }
  return result;
}

void escape(std::string& out, std::string_view str, std::string_view allowed) {
  for (auto c : str) {
    if (is_alpha(c) || is_digit(c) || allowed.find(c) != allowed.npos)
      out += c;
    else
      out += "%" + to_hex(as_bytes({&c, 1}));
  }
}

// -- parts --------------------------------------------------------------------

expected<std::string> parse_scheme(std::string_view str) {
  auto tail = [](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  };
  if (str.empty() || !is_alpha(str[0])
      || !std::all_of(str.begin(), str.end(), tail))
    return invalid(quoted(str)
                   + " is not a scheme (a letter, then letters, digits, +, - "
                     "or .)");
  return to_lower(str);
}

expected<void> parse_option(std::string_view str, uri& out) {
  auto eq = str.find('=');
  auto name = unescape(str.substr(0, eq), "name of an option");
  if (!name)
    return fail(name.error());
  if (name->empty())
    return invalid("an option has no name");
  if (eq == str.npos || eq + 1 == str.size())
    return invalid("option " + quoted(*name) + " has no value, write " + *name
                   + "=VALUE");
  auto value = unescape(str.substr(eq + 1), "option " + quoted(*name));
  if (!value)
    return fail(value.error());
  if (!out.options.emplace(*name, std::move(*value)).second)
    return invalid("option " + quoted(*name) + " is given twice");
  return {};
}

expected<void> parse_options(std::string_view str, uri& out) {
  for (;;) {
    auto amp = str.find('&');
    if (auto ok = parse_option(str.substr(0, amp), out); !ok)
      return ok;
    if (amp == str.npos)
      return {};
    str.remove_prefix(amp + 1);
  }
}

bool looks_secret(const std::string& name) {
  auto lower = to_lower(name);
  constexpr std::array words{"pass", "pwd", "secret", "token", "credential"};
  for (auto word : words)
    if (lower.find(word) != lower.npos)
      return true;
  // A whole word only: a keyring is named by its file.
  for (size_t pos = 0; (pos = lower.find("key", pos)) != lower.npos; ++pos) {
    auto end = pos + 3;
    if ((pos == 0 || !is_alpha(lower[pos - 1]))
        && (end == lower.size() || !is_alpha(lower[end])))
      return true;
  }
  return false;
}

} // namespace

// -- parsing and printing -----------------------------------------------------

expected<uri> uri::parse(std::string_view str) {
  if (std::any_of(str.begin(), str.end(), is_control))
    return invalid("control characters must be escaped, such as %0A");
  if (str.find('#') != str.npos)
    return invalid("there are no fragments; write %23 for a number sign");
  auto colon = str.find(':');
  if (colon == str.npos)
    return invalid("no scheme; write SCHEME:PATH, such as file:larder-data");
  uri result;
  auto scheme = parse_scheme(str.substr(0, colon));
  if (!scheme)
    return fail(scheme.error());
  result.scheme = std::move(*scheme);
  str.remove_prefix(colon + 1);
  if (auto mark = str.find('?'); mark != str.npos) {
    if (auto ok = parse_options(str.substr(mark + 1), result); !ok)
      return fail(ok.error());
    str = str.substr(0, mark);
  }
  if (str.starts_with("//")) {
    str.remove_prefix(2);
    auto end = std::min(str.find('/'), str.size());
    auto authority = unescape(str.substr(0, end), "authority");
    if (!authority)
      return fail(authority.error());
    result.authority = std::move(*authority);
    str.remove_prefix(end);
  }
  auto path = unescape(str, "path");
  if (!path)
    return fail(path.error());
  result.path = std::move(*path);
  return result;
}

std::string to_string(const uri& x) {
  auto result = x.scheme + ":";
  // Without an authority, a path may begin with two slashes only behind "//".
  if (!x.authority.empty() || x.path.starts_with("//")) {
    result += "//";
    escape(result, x.authority, authority_chars);
  }
  escape(result, x.path, path_chars);
  auto separator = '?';
  for (auto& [name, value] : x.options) {
    result += separator;
    escape(result, name, option_chars);
    result += '=';
    escape(result, value, option_chars);
    separator = '&';
  }
  return result;
}

namespace {

/// Redacts a path that is a URI.
std::string redact_path(const std::string& path) {
  std::string escaped;
  escape(escaped, path, path_chars);
  auto parsed = uri::parse(escaped);
  if (!parsed)
    return path;
  auto clean = redacted(*parsed);
  return clean == to_string(*parsed) ? path : clean;
}

/// Redacts the value of an option that is a URI, or meant to be one.
std::string redact_value(const std::string& str) {
  auto colon = str.find(':');
  if (colon == str.npos || !parse_scheme(str.substr(0, colon)))
    return str;
  auto parsed = uri::parse(str);
  if (!parsed)
    return std::string{redaction};
  auto clean = redacted(*parsed);
  return clean == to_string(*parsed) ? str : clean;
}

} // namespace

std::string redacted(const uri& x) {
  auto copy = x;
  copy.path = redact_path(x.path);
  if (auto at = x.authority.rfind('@'); at != std::string::npos) {
    auto colon = x.authority.find(':');
    if (colon < at)
      copy.authority.replace(colon + 1, at - colon - 1, redaction);
  }
  for (auto& [name, value] : copy.options)
    value = looks_secret(name) ? std::string{redaction} : redact_value(value);
  return to_string(copy);
}

expected<uri> uri::inner() const {
  auto result = parse(to_string(*this).substr(scheme.size() + 1));
  if (!result)
    return fail(result.error().with_context("the URI behind " + scheme + ":"));
  return result;
}

// -- options ------------------------------------------------------------------

std::string uri::take(const std::string& name, std::string fallback) {
  auto node = options.extract(name);
  return node ? std::move(node.mapped()) : std::move(fallback);
}

expected<bool> uri::take_flag(const std::string& name, bool fallback) {
  auto node = options.extract(name);
  if (!node)
    return fallback;
  auto& x = node.mapped();
  if (x == "yes" || x == "on" || x == "true" || x == "1")
    return true;
  if (x == "no" || x == "off" || x == "false" || x == "0")
    return false;
  return fail(errc::invalid_argument,
              "option " + quoted(name) + " must be yes or no");
}

expected<uint64_t> uri::take_number(const std::string& name,
                                    uint64_t fallback) {
  auto node = options.extract(name);
  if (!node)
    return fallback;
  auto& x = node.mapped();
  uint64_t result = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), result);
  if (ec != std::errc{} || end != x.data() + x.size())
    return fail(errc::invalid_argument, "option " + quoted(name)
                                          + " must be a number of at most 64 "
                                            "bits");
  return result;
}

expected<void> uri::check_all_taken() const {
  if (options.empty())
    return {};
  return fail(errc::invalid_argument, "unknown option "
                                        + quoted(options.begin()->first)
                                        + " for " + scheme + ":");
}

} // namespace larder
