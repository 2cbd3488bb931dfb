// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Who knows, without asking the store, what may be in it: the oracle is told
/// what is sent and what was answered, and judges what was found.

#pragma once

#include "trials/content.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace trials {

/// A promise that was broken.
struct violation {
  /// Which promise: lost, torn, ghost, group, sum, listing, leftover, stalled,
  /// refused, sync or crash.
  std::string kind;
  std::string what;
};

using violations = std::vector<violation>;

/// What a store holds: the version of each key that has a blob.
using contents = std::map<std::string, version>;

/// A change of one key; `to` is 0 for an erase.
struct change {
  std::string key;
  version to = 0;
};

/// For keys that one thread writes, one operation after the other. An operation
/// changes one key or several, all or nothing.
class oracle {
public:
  /// The operation is about to be sent.
  void sent(uint64_t operation, std::vector<change> changes);

  /// It was carried out.
  void acknowledged(uint64_t operation);

  /// It was refused, and nothing has changed. An operation that is neither
  /// acknowledged nor refused may have been carried out or not.
  void refused(uint64_t operation);

  /// What `key` may hold.
  std::set<version> allowed(const std::string& key) const;

  /// How many operations have no answer.
  size_t unanswered() const {
    return pending_.size();
  }

  /// How many of them were carried out, as it seems.
  size_t completed(const contents& found) const;

  /// Compares with what was found.
  violations check(const contents& found) const;

  /// Takes what was found for the truth from now on.
  void settle(contents found);

private:
  version certain(const std::string& key) const;
  void check_key(const std::string& key, version found, violations& out) const;

  /// What is known to be there.
  contents certain_;
  /// By number, which is by age.
  std::map<uint64_t, std::vector<change>> pending_;
};

} // namespace trials
