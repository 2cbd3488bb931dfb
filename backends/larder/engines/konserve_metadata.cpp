// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/private_metadata.hpp"
#include "larder/detail/konserve/revision.hpp"
#include "larder/text.hpp"

namespace larder::detail::ksv {

namespace {

constexpr std::string_view private_namespace = "larder/";

bool is_private(const value& key) {
  return key.is(value::kind::keyword)
         && key.as_string().starts_with(private_namespace);
}

void take(std::string_view name, const value& x, metadata& meta,
          private_metadata& own) {
  if (name == "expiry" && x.is(value::kind::instant))
    meta.expiry = x.as_instant();
  else if (name == "log" && x.is(value::kind::uuid))
    own.log = x.as_uuid();
  else if (name == "begin" && x.is(value::kind::integer) && x.as_integer() >= 0)
    own.log_begin = static_cast<uint64_t>(x.as_integer());
  else if (name == "unlinked" && x.is(value::kind::uuid))
    own.unlinked = x.as_uuid();
}

value private_key(std::string_view name) {
  return value::keyword(std::string{private_namespace}.append(name));
}

} // namespace

bool take_private(metadata& meta, private_metadata& own) {
  std::vector<value::entry> rest;
  for (auto& [key, x] : meta.extras.entries()) {
    if (is_private(key))
      take(key.as_string().substr(private_namespace.size()), x, meta, own);
    else
      rest.emplace_back(key, x);
  }
  if (rest.size() == meta.extras.size())
    return false;
  meta.extras = value::map_from_sorted(std::move(rest));
  return true;
}

value stored_metadata(const metadata& meta, const private_metadata& own) {
  auto result = meta.stored_form();
  auto add = [&result](value key, value x) {
    result = std::move(result).with(key, std::move(x));
  };
  if (meta.rev.valid())
    add(value::keyword("revision"), revision_token(meta.rev, meta.last_write));
  if (meta.expiry)
    add(private_key("expiry"), value::instant(*meta.expiry));
  if (own.log)
    add(private_key("log"), *own.log);
  if (own.log_begin != 0)
    add(private_key("begin"), own.log_begin);
  if (own.unlinked)
    add(private_key("unlinked"), *own.unlinked);
  return result;
}

expected<void> check_no_private(const metadata& meta) {
  for (auto& [key, x] : meta.extras.entries())
    if (is_private(key))
      return fail(errc::invalid_argument,
                  "the metadata key " + to_edn(key)
                    + " is larder's own in a konserve store: use another one");
  return {};
}

value padding_key() {
  return private_key("padding");
}

} // namespace larder::detail::ksv
