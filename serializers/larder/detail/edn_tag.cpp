// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/base64.hpp"
#include "larder/detail/edn_instant.hpp"
#include "larder/detail/edn_reader.hpp"
#include "larder/detail/number_text.hpp"

#include <charconv>

namespace larder::detail {

namespace {

tl::unexpected<error> wrong(std::string_view tag, std::string_view needs) {
  return fail(errc::parse_error,
              "#" + std::string{tag} + " needs " + std::string{needs});
}

expected<value> read_hex_integer(std::string_view tag, std::string_view str) {
  boost::multiprecision::cpp_int digits;
  if (!from_hex_digits(str, digits))
    return wrong(tag, "a string of hexadecimal digits");
  return value{big_integer{std::move(digits)}};
}

expected<value> read_hex_decimal(std::string_view tag, std::string_view str) {
  decimal result;
  auto space = std::min(str.find(' '), str.size());
  auto first = str.data() + std::min(space + 1, str.size());
  auto last = str.data() + str.size();
  auto res = std::from_chars(first, last, result.scale);
  if (res.ec != std::errc{} || res.ptr != last
      || !from_hex_digits(str.substr(0, space), result.unscaled))
    return wrong(tag, "a string of hexadecimal digits, a space and a scale");
  return value{std::move(result)};
}

expected<value> read_wrapped_tag(std::string_view tag, const value& x) {
  if (x.is(value::kind::vector) && x.size() == 2
      && x.items()[0].is(value::kind::string)
      && !value::is_reserved_tag(x.items()[0].as_string()))
    return value::tagged(x.items()[0].as_string(), x.items()[1]);
  return wrong(tag, "a vector of a string (no reserved tag) and a value");
}

/// Applies the tags in larder's namespace whose content is a string.
expected<value> apply_to_string(std::string_view tag, std::string_view str) {
  if (tag == "larder/keyword")
    return value::keyword(str);
  if (tag == "larder/symbol")
    return value::symbol(str);
  if (tag == "larder/integer")
    return read_hex_integer(tag, str);
  if (tag == "larder/decimal")
    return read_hex_decimal(tag, str);
  bytes raw;
  if (!from_base64(str, raw))
    return wrong(tag, "a string in base 64");
  return value{std::move(raw)};
}

bool takes_string(std::string_view tag) noexcept {
  for (auto x : {"keyword", "symbol", "integer", "decimal", "bytes"})
    if (tag.substr(7) == x)
      return true;
  return false;
}

} // namespace

expected<value> apply_tag(std::string_view tag, value content) {
  if (!value::is_reserved_tag(tag))
    return value::tagged(tag, std::move(content));
  auto is_string = content.is(value::kind::string);
  if (tag == "inst") {
    auto ms = is_string ? read_edn_instant(content.as_string()) : std::nullopt;
    return ms ? expected<value>{value::instant(*ms)}
              : wrong(tag, "a string with a time of RFC 3339");
  }
  if (tag == "uuid") {
    auto id = is_string ? uuid::parse(content.as_string()) : std::nullopt;
    return id ? expected<value>{*id} : wrong(tag, "a string with a UUID");
  }
  if (tag == "larder/tagged")
    return read_wrapped_tag(tag, content);
  if (tag == "larder/instant") {
    if (content.is(value::kind::integer))
      return value::instant(content.as_integer());
    return wrong(tag, "an integer, milliseconds since 1970");
  }
  if (!takes_string(tag))
    return fail(errc::parse_error,
                "#" + std::string{tag} + " is reserved and has no meaning");
  return is_string ? apply_to_string(tag, content.as_string())
                   : wrong(tag, "a string");
}

} // namespace larder::detail
