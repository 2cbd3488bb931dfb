// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The oracle for keys that several threads and processes change at once, each
/// on condition that nobody else did: the versions of a key are a chain.

#pragma once

#include "trials/oracle.hpp"

namespace trials {

/// A conditional change of one key.
struct step {
  std::string key;
  version from = 0;
  version to = 0;
};

class ledger {
public:
  /// As those of `oracle`, in any order; operations that were not sent here
  /// are ignored.
  void sent(uint64_t operation, std::vector<step> steps);
  void acknowledged(uint64_t operation);
  void refused(uint64_t operation);

  size_t unanswered() const;
  size_t completed(const contents& found) const;

  /// Follows the chain of each key from what was found back to what was known:
  /// all that was acknowledged is on it, nothing that was refused, and of each
  /// operation all or nothing.
  violations check(const contents& found) const;

  /// Takes what was found for the truth and forgets the past.
  void settle(contents found);

private:
  enum class answer : uint8_t { none, acknowledged, refused };

  struct operation {
    std::vector<step> steps;
    answer outcome = answer::none;
  };

  using chains = std::map<std::string, std::set<version>>;

  void set(uint64_t number, answer outcome);
  chains follow(const contents& found, violations& out) const;

  contents base_;
  std::map<uint64_t, operation> operations_;
  /// By key and version: the version before.
  std::map<std::pair<std::string, version>, version> origin_;
};

} // namespace trials
