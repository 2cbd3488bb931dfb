// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/edn_name.hpp"
#include "larder/detail/edn_reader.hpp"
#include "larder/detail/number_text.hpp"
#include "larder/detail/utf8.hpp"

#include <charconv>

namespace larder::detail {

namespace {

/// Reads what stands behind the backslash of `\u00e9` and `\o351`.
std::optional<char32_t> coded_character(std::string_view name) {
  auto base = name[0] == 'u' ? 16 : 8;
  auto digits = name.substr(1);
  auto size_fits = base == 16 ? digits.size() == 4 : digits.size() <= 3;
  uint32_t x = 0;
  auto last = digits.data() + digits.size();
  auto res = std::from_chars(digits.data(), last, x, base);
  if ((name[0] != 'u' && name[0] != 'o') || !size_fits || res.ptr != last
      || res.ec != std::errc{} || !is_code_point(x) || (base == 8 && x > 0377))
    return std::nullopt;
  return x;
}

} // namespace

// -- numbers and names --------------------------------------------------------

edn_reader::step edn_reader::read_atom() {
  auto start = pos_;
  auto token = take_token();
  if (token.empty() && peek() == '^')
    return fail_at(start, errc::parse_error,
                   "metadata (^) is no part of EDN: remove it");
  if (token.empty() || token[0] == '\'')
    return fail_at(start, errc::parse_error,
                   in_ticks(text_.substr(start, 1)) + " is no part of EDN");
  auto first = token[token.size() > 1 && (token[0] == '+' || token[0] == '-')];
  if (first >= '0' && first <= '9') {
    auto x = read_number(token);
    if (!x)
      return fail(at_position(text_, start, std::move(x.error())));
    return x;
  }
  if (token == "nil")
    return value{};
  if (token == "true" || token == "false")
    return value{token == "true"};
  if (token[0] == ':' && is_edn_keyword(token.substr(1)))
    return value::keyword(token.substr(1));
  if (is_edn_symbol(token))
    return value::symbol(token);
  return fail_at(start, errc::parse_error,
                 in_ticks(token) + " is no "
                   + (token[0] == ':' ? "keyword" : "symbol"));
}

edn_reader::step edn_reader::read_number(std::string_view token) {
  auto last = token.back();
  auto body = token.substr(0, token.size() - (last == 'M' || last == 'N'));
  auto what = form_of_number(body);
  if (what == number_form::none || (last == 'N' && what == number_form::real))
    return fail(errc::parse_error, in_ticks(token) + " is no number of EDN");
  auto x = last == 'M'                    ? read_decimal(body)
           : what == number_form::integer ? read_integer(body)
                                          : read_real(body);
  if (!x)
    return fail(std::move(x.error()));
  return std::move(*x);
}

// -- strings and characters ---------------------------------------------------

edn_reader::step edn_reader::read_string() {
  auto start = pos_++;
  std::string result;
  for (;;) {
    auto end = text_.find_first_of("\"\\", pos_);
    if (end == std::string_view::npos)
      return fail_at(start, errc::parse_error, "the string is not closed");
    auto plain = text_.substr(pos_, end - pos_);
    if (!is_utf8(plain))
      return fail_at(start, errc::parse_error, "the string is not UTF-8");
    result += plain;
    pos_ = end + 1;
    if (text_[end] == '"')
      return value{std::move(result)};
    auto x = read_escape();
    if (!x)
      return fail(at_position(text_, end, std::move(x.error())));
    append_utf8(result, *x);
  }
}

expected<char32_t> edn_reader::read_escape() {
  if (pos_ == text_.size())
    return fail(errc::parse_error, "the string is not closed");
  auto c = text_[pos_++];
  switch (c) {
    case '"':
    case '\\':
      return static_cast<char32_t>(c);
    case 'n':
      return U'\n';
    case 't':
      return U'\t';
    case 'r':
      return U'\r';
    case 'b':
      return U'\b';
    case 'f':
      return U'\f';
    case 'u':
      break;
    default:
      return fail(errc::parse_error, "strings have no such escape");
  }
  auto high = read_hex4();
  if (!high || is_code_point(*high))
    return high;
  if (*high < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
    pos_ += 2;
    auto low = read_hex4();
    if (!low)
      return low;
    if (*low >= 0xDC00 && *low <= 0xDFFF)
      return 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
  }
  return fail(errc::parse_error, "half of a surrogate pair");
}

expected<char32_t> edn_reader::read_hex4() {
  bytes raw;
  if (!from_hex(text_.substr(pos_, 4), raw) || raw.size() != 2)
    return fail(errc::parse_error, "\\u needs four hexadecimal digits");
  pos_ += 4;
  return static_cast<char32_t>(load_big_endian<uint16_t>(raw.data()));
}

edn_reader::step edn_reader::read_character() {
  auto start = pos_++;
  auto [first, size] = first_code_point(text_.substr(pos_));
  if (size == 0 || (size == 1 && is_edn_space(text_[pos_]) && first != ','))
    return fail_at(start, errc::parse_error,
                   "a backslash needs a character behind it");
  auto name = text_.substr(pos_, size);
  pos_ += size;
  name = {name.data(), name.size() + take_token().size()};
  if (name.size() == size)
    return value{first};
  constexpr std::pair<std::string_view, char32_t> names[]
    = {{"newline", '\n'}, {"space", ' '},     {"tab", '\t'},
       {"return", '\r'},  {"formfeed", '\f'}, {"backspace", '\b'}};
  for (auto& [known, x] : names)
    if (name == known)
      return value{x};
  if (auto x = coded_character(name))
    return value{*x};
  return fail_at(start, errc::parse_error,
                 in_ticks("\\" + std::string{name}) + " is no character");
}

} // namespace larder::detail
