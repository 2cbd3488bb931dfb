// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Rules that changes of keys must keep.

#pragma once

#include "larder/error.hpp"
#include "larder/messages/watches.hpp"
#include "larder/value.hpp"

#include <functional>
#include <string>

namespace larder {

/// A change that has been applied in memory and is not yet committed.
struct proposed_change {
  const value& key;
  change_kind kind;

  /// The value before: null if there is none, if it is a binary or log, or if
  /// what is stored is damaged.
  const value* before;

  /// The value after: null if the key is erased, a binary is written (`write`)
  /// or a log truncated; for `append` a vector of the new entries.
  const value* after;
};

/// May refuse changes, whichever way they come: put, update, erase, binaries,
/// logs, batches, transactions. Expiry is not asked about. The value before
/// must be known for that, so it is read if it is not.
struct validator {
  /// Part of the error that a writer gets, who is answered `refused`.
  std::string name;

  /// A string, keyword or symbol: asked about the keys of its kind that begin
  /// with its text. Nil: about all keys.
  value prefix;

  /// Returns an error to refuse a change; its message goes to the writer. What
  /// it throws counts as that, too. Runs in key actors, several at the same
  /// time, again when an update is: it must be short, thread-safe and without
  /// side effects.
  std::function<expected<void>(const proposed_change&)> check;
};

} // namespace larder
