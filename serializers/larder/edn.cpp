// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/edn_reader.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

namespace larder {

namespace {

bool has_good_text(const value& x) noexcept {
  switch (x.type()) {
    case value::kind::character:
      return detail::is_code_point(x.as_character());
    case value::kind::string:
    case value::kind::keyword:
    case value::kind::symbol:
      return is_utf8(x.as_string());
    case value::kind::tagged:
      return is_utf8(x.tag());
    default:
      return true;
  }
}

} // namespace

expected<void> check_text(const value& x, const limits& lim) {
  if (x.depth() > lim.max_depth)
    return fail(errc::limit_exceeded, "a value is nested deeper than "
                                        + std::to_string(lim.max_depth));
  std::vector<const value*> pending{&x};
  while (!pending.empty()) {
    auto& next = *pending.back();
    pending.pop_back();
    if (!has_good_text(next))
      return fail(errc::invalid_argument,
                  "the " + std::string{to_string(next.type())} + " "
                    + detail::excerpt(to_edn(next)) + " is not Unicode text");
    if (next.is(value::kind::map)) {
      for (auto& [key, val] : next.entries()) {
        pending.push_back(&key);
        pending.push_back(&val);
      }
    } else if (next.is(value::kind::tagged)) {
      pending.push_back(&next.content());
    } else if (next.is_collection()) {
      for (auto& item : next.items())
        pending.push_back(&item);
    }
  }
  return {};
}

expected<value> parse_edn(std::string_view str, const limits& lim) {
  detail::edn_reader reader{str, lim};
  auto first = reader.read();
  if (!first)
    return fail(std::move(first.error()));
  if (!*first)
    return reader.fail_at(str.size(), errc::parse_error, "there is no value");
  auto end = reader.position();
  auto second = reader.read();
  if (!second)
    return fail(std::move(second.error()));
  if (*second)
    return reader.fail_at(end, errc::parse_error,
                          "another value follows the first");
  return std::move(**first);
}

expected<value> parse_edn_prefix(std::string_view& str, const limits& lim) {
  detail::edn_reader reader{str, lim};
  auto result = reader.read();
  if (!result)
    return fail(std::move(result.error()));
  str.remove_prefix(reader.position());
  if (!*result)
    return fail(errc::not_found, "there is no further value");
  return std::move(**result);
}

} // namespace larder
