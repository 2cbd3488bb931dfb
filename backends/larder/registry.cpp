// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/registry.hpp"

#include "larder/detail/builtin_engines.hpp"

#include <algorithm>

namespace larder {

namespace {

auto has_scheme(const std::string& scheme) {
  return [&scheme](const engine& x) { return x.scheme == scheme; };
}

} // namespace

backend_registry::backend_registry() {
  engines_.push_back(detail::make_memory_engine());
  engines_.push_back(detail::make_file_engine());
#ifdef LARDER_HAS_ROCKSDB
  engines_.push_back(detail::make_rocksdb_engine());
#endif
#ifdef LARDER_HAS_LMDB
  engines_.push_back(detail::make_lmdb_engine());
#endif
#ifdef LARDER_HAS_SQLITE
  engines_.push_back(detail::make_sqlite_engine());
#endif
}

expected<void> backend_registry::add(engine x) {
  // What parses back to the same scheme can be found by a URI.
  auto parsed = uri::parse(x.scheme + ":");
  if (!parsed || *parsed != uri{x.scheme, {}, {}, {}})
    return fail(errc::invalid_argument,
                "\"" + x.scheme
                  + "\" is not a scheme: it must be a letter, then letters, "
                    "digits, +, - or ., all in lower case");
  if (!x.create || !x.open || !x.exists || !x.destroy)
    return fail(errc::invalid_argument,
                "engine " + x.scheme
                  + ": create, open, exists and destroy must all be set");
  if (std::any_of(engines_.begin(), engines_.end(), has_scheme(x.scheme)))
    return fail(errc::already_exists,
                "there is already an engine " + x.scheme + ":");
  engines_.push_back(std::move(x));
  return {};
}

expected<const engine*>
backend_registry::find(const std::string& scheme) const {
  auto i = std::find_if(engines_.begin(), engines_.end(), has_scheme(scheme));
  if (i != engines_.end())
    return &*i;
  auto message = "no engine for " + scheme + ":; known are";
  for (auto& x : engines_)
    message += " " + x.scheme + ":";
  return fail(errc::invalid_argument, std::move(message));
}

} // namespace larder
