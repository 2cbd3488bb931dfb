// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/validators.hpp"

#include "larder/internal/watch_table.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <exception>

namespace larder::internal {

namespace {

bool is_for(const validator& x, const value& key) {
  return x.prefix.is_nil() || begins_with(key, x.prefix);
}

expected<void> ask(const validator& x, const proposed_change& change) {
  try {
    return x.check(change);
  } catch (const std::exception& ex) {
    return fail(errc::refused, ex.what());
  } catch (...) {
    return fail(errc::refused, "unknown exception");
  }
}

} // namespace

bool is_validated(const store_context& ctx, const value& key) {
  auto& all = ctx.config().validators;
  return std::any_of(all.begin(), all.end(),
                     [&key](const validator& x) { return is_for(x, key); });
}

expected<void> validate(store_context& ctx, const value& key, change_kind kind,
                        const entry& before, const entry& after, int64_t now,
                        const value* entries) {
  proposed_change change{key, shown_kind(kind, after),
                         before.live(now) ? shown_content(before) : nullptr,
                         entries != nullptr ? entries : shown_content(after)};
  for (auto& x : ctx.config().validators) {
    if (!is_for(x, key))
      continue;
    if (auto ok = ask(x, change); !ok) {
      ctx.shared_statistics().refused.add_shared();
      return fail(errc::refused, to_edn(key) + ": validator " + x.name + ": "
                                   + ok.error().message());
    }
  }
  return {};
}

} // namespace larder::internal
