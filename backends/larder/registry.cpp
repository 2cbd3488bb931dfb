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

expected<const engine*> find_in(const std::vector<engine>& engines,
                                const std::string& scheme) {
  auto i = std::find_if(engines.begin(), engines.end(), has_scheme(scheme));
  if (i != engines.end())
    return &*i;
  auto message = "no engine for " + scheme + ":; known are";
  for (auto& x : engines)
    message += " " + x.scheme + ":";
  return fail(errc::invalid_argument, std::move(message));
}

} // namespace

backend_registry::backend_registry()
  : engines_(std::make_shared<std::vector<engine>>()) {
  engines_->push_back(detail::make_memory_engine());
  engines_->push_back(detail::make_file_engine());
  engines_->push_back(detail::make_konserve_engine());
#ifdef LARDER_HAS_ROCKSDB
  engines_->push_back(detail::make_rocksdb_engine());
#endif
#ifdef LARDER_HAS_LMDB
  engines_->push_back(detail::make_lmdb_engine());
#endif
#ifdef LARDER_HAS_SQLITE
  engines_->push_back(detail::make_sqlite_engine());
#endif
  engines_->push_back(detail::make_readonly_engine(finder()));
  engines_->push_back(detail::make_metered_engine(finder()));
  engines_->push_back(detail::make_tiered_engine(finder()));
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
  if (std::any_of(engines_->begin(), engines_->end(), has_scheme(x.scheme)))
    return fail(errc::already_exists,
                "there is already an engine " + x.scheme + ":");
  engines_->push_back(std::move(x));
  return {};
}

expected<const engine*>
backend_registry::find(const std::string& scheme) const {
  return find_in(*engines_, scheme);
}

engine_finder backend_registry::finder() const {
  // Weak, because the engines that keep a finder are in the table themselves.
  return [table = std::weak_ptr<const std::vector<engine>>{engines_}](
           const std::string& scheme) -> expected<engine> {
    auto engines = table.lock();
    if (!engines)
      return fail(errc::closed, "the registry of this engine is gone: keep it "
                                "for as long as stores are opened");
    return find_in(*engines, scheme).map([&engines](auto* x) {
      auto result = *x;
      // What is destroyed when a store is closed, after the registry perhaps,
      // still finds the engines inside it.
      result.destroy = [engines, f = std::move(result.destroy)](
                         const uri& where) { return f(where); };
      return result;
    });
  };
}

} // namespace larder
