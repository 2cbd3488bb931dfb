// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/edn_name.hpp"

#include "larder/detail/utf8.hpp"

namespace larder::detail {

namespace {

bool is_digit(char32_t x) noexcept {
  return x >= '0' && x <= '9';
}

bool is_letter(char32_t x) noexcept {
  if (x >= 0x80)
    return !is_space(x) && !is_control(x) && x != 0xFEFF;
  return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z');
}

bool in(std::string_view set, char32_t x) noexcept {
  return x < 0x80 && set.find(static_cast<char>(x)) != std::string_view::npos;
}

bool may_begin(char32_t x) noexcept {
  return is_letter(x) || in(".*+!-_?$%&=<>", x);
}

bool may_follow(char32_t x) noexcept {
  return may_begin(x) || is_digit(x) || in(":#'", x);
}

/// Checks the part before or behind the slash.
bool is_part(std::string_view str, bool may_begin_with_digit) noexcept {
  auto [first, size] = first_code_point(str);
  if (size == 0)
    return false;
  if (!may_begin(first) && !(may_begin_with_digit && is_digit(first)))
    return false;
  str.remove_prefix(size);
  if (in("+-.", first) && !str.empty() && is_digit(str.front()))
    return false;
  while (!str.empty()) {
    auto [x, n] = first_code_point(str);
    if (n == 0 || !may_follow(x))
      return false;
    str.remove_prefix(n);
  }
  return true;
}

bool is_name(std::string_view str, bool may_begin_with_digit) noexcept {
  auto slash = str.find('/');
  return slash == std::string_view::npos
           ? is_part(str, may_begin_with_digit)
           : is_part(str.substr(0, slash), may_begin_with_digit)
               && is_part(str.substr(slash + 1), false);
}

} // namespace

bool is_edn_symbol(std::string_view name) noexcept {
  if (name == "nil" || name == "true" || name == "false")
    return false;
  return name == "/" || is_name(name, false);
}

bool is_edn_keyword(std::string_view name) noexcept {
  return is_name(name, true);
}

bool is_edn_tag(std::string_view name) noexcept {
  return is_letter(first_code_point(name).value) && is_edn_symbol(name);
}

} // namespace larder::detail
