// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/key.hpp"

#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

namespace larder {

namespace {

/// Returns the mark before the characters of a text-like key, which begins the
/// EDN of no other kind; 0 if the key is encoded as EDN.
char mark_of(const value& key) noexcept {
  switch (key.type()) {
    case value::kind::string:
      return '"';
    case value::kind::keyword:
      return ':';
    case value::kind::symbol:
      return '\'';
    default:
      return 0;
  }
}

std::string marked(char mark, std::string_view text) {
  std::string result;
  result.reserve(text.size() + 1);
  result += mark;
  result += text;
  return result;
}

/// The inverse of `marked`, whichever mark it is.
value unmarked(std::string_view encoded) {
  auto text = encoded.substr(1);
  switch (encoded[0]) {
    case '"':
      return value{text};
    case ':':
      return value::keyword(text);
    default:
      return value::symbol(text);
  }
}

tl::unexpected<error> no_key(std::string_view encoded) {
  return fail(errc::corruption,
              "no key is encoded as " + detail::excerpt(encoded));
}

} // namespace

expected<std::string> encode_key(const value& key) {
  if (auto res = check_text(key); !res)
    return fail(res.error().with_context("cannot use this as a key"));
  if (auto mark = mark_of(key))
    return marked(mark, key.as_string());
  return to_edn(key);
}

expected<value> decode_key(std::string_view encoded) {
  if (encoded.empty() || !is_utf8(encoded))
    return no_key(encoded);
  if (std::string_view{"\":'"}.find(encoded[0]) != std::string_view::npos)
    return unmarked(encoded);
  auto result = parse_edn(encoded);
  // Only one text names a key. Neither `[1,2]` nor `#larder/keyword "a"` does.
  if (!result || mark_of(*result) != 0 || to_edn(*result) != encoded)
    return no_key(encoded);
  return result;
}

bool names_key(std::string_view encoded, const value& key) {
  if (auto mark = mark_of(key); mark != 0)
    return encoded.starts_with(mark) && encoded.substr(1) == key.as_string();
  auto own = encode_key(key);
  return own && *own == encoded;
}

expected<std::string> encode_key_prefix(const value& prefix) {
  if (mark_of(prefix) == 0)
    return fail(errc::invalid_argument,
                "a prefix of keys must be a string, a keyword or a symbol, "
                "not a "
                  + std::string{to_string(prefix.type())});
  return encode_key(prefix);
}

} // namespace larder
