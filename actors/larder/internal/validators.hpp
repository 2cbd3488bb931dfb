// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Asking the validators of a store.

#pragma once

#include "larder/internal/context.hpp"
#include "larder/internal/entry.hpp"
#include "larder/validator.hpp"

#include <optional>

namespace larder::internal {

/// Whether a validator is asked about changes of `key`: then the value before
/// a change must be known.
bool is_validated(const store_context& ctx, const value& key);

/// How watchers and validators are told of a change: removing a part of a value
/// is an update of it.
inline change_kind shown_kind(change_kind kind, const entry& after) noexcept {
  return kind == change_kind::erase && after.present ? change_kind::update
                                                     : kind;
}

/// The value of a key, if it is known; null for binaries and logs.
inline const value* shown_content(const entry& x) noexcept {
  auto shown = x.present && x.has_content && x.meta.type == content_type::edn;
  return shown ? &x.content : nullptr;
}

/// Asks the validators of a key, in order, until one refuses.
/// @param kind as the request says, see `shown_kind`
/// @param entries what is appended to a log: shown in place of the value
/// @returns `refused`, with name and message of the validator
expected<void> validate(store_context& ctx, const value& key, change_kind kind,
                        const entry& before, const entry& after, int64_t now,
                        const value* entries = nullptr);

} // namespace larder::internal
