// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metadata.hpp"

#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <array>

namespace larder {

namespace {

constexpr std::string_view reserved_names[]
  = {"key", "type", "last-write", "revision", "expiry"};

bool is_reserved(const value& key) noexcept {
  return key.is(value::kind::keyword)
         && std::ranges::count(reserved_names, key.as_string()) > 0;
}

tl::unexpected<error> damaged(std::string_view what) {
  return fail(errc::corruption, "the metadata " + std::string{what});
}

} // namespace

std::string_view to_string(content_type x) noexcept {
  switch (x) {
    case content_type::binary:
      return "binary";
    case content_type::append_log:
      return "append-log";
    default:
      return "edn";
  }
}

value metadata::stored_form() const {
  // Made for every write: shared by what one thread writes, since threads
  // would quarrel about the reference counts.
  thread_local const auto names = std::array{value::keyword("key"),
                                             value::keyword("last-write"),
                                             value::keyword("type")};
  thread_local const auto types = std::array{value::keyword("edn"),
                                             value::keyword("binary"),
                                             value::keyword("append-log")};
  auto own = extras.entries();
  std::vector<value::entry> entries;
  entries.reserve(own.size() + names.size());
  entries.emplace_back(names[0], key);
  entries.emplace_back(names[1], value::instant(last_write));
  entries.emplace_back(names[2], types[static_cast<size_t>(type)]);
  entries.insert(entries.end(), own.begin(), own.end());
  return own.empty() ? value::map_from_sorted(std::move(entries))
                     : value::map(std::move(entries));
}

value metadata::to_value() const {
  auto result = stored_form();
  if (rev.valid())
    result = std::move(result).with(value::keyword("revision"), to_string(rev));
  if (expiry)
    result = std::move(result).with(value::keyword("expiry"),
                                    value::instant(*expiry));
  return result;
}

expected<metadata> metadata::from_stored_form(const value& x) {
  if (!x.is(value::kind::map))
    return damaged("is not a map");
  metadata result;
  const value* key = nullptr;
  const value* type = nullptr;
  const value* stamp = nullptr;
  std::vector<value::entry> extras;
  // One pass without making keywords to look for: listings read a great many.
  for (auto& entry : x.entries()) {
    if (!is_reserved(entry.first))
      extras.push_back(entry);
    else if (auto name = entry.first.as_string(); name == "key")
      key = &entry.second;
    else if (name == "type")
      type = &entry.second;
    else if (name == "last-write")
      stamp = &entry.second;
    // A revision here is konserve's own, of no meaning to larder.
  }
  if (key == nullptr)
    return damaged("names no key");
  result.key = *key;
  if (type == nullptr || !type->is(value::kind::keyword))
    return damaged("has no type");
  if (type->as_string() == "binary")
    result.type = content_type::binary;
  else if (type->as_string() == "append-log")
    result.type = content_type::append_log;
  else if (type->as_string() != "edn")
    return fail(errc::unsupported, "values of the type "
                                     + detail::excerpt(to_edn(*type))
                                     + " cannot be read");
  if (stamp == nullptr || !stamp->is(value::kind::instant))
    return damaged("does not tell when the key was written");
  result.last_write = stamp->as_instant();
  if (!extras.empty())
    result.extras = value::map_from_sorted(std::move(extras));
  return result;
}

expected<void> metadata::check_extras(const value& x) {
  if (!x.is(value::kind::map))
    return fail(errc::invalid_argument, "metadata must be a map, not a "
                                          + std::string{to_string(x.type())});
  for (auto& [key, val] : x.entries())
    if (is_reserved(key))
      return fail(errc::invalid_argument,
                  "the metadata key " + to_edn(key)
                    + " is larder's own: use another one");
  return {};
}

} // namespace larder
