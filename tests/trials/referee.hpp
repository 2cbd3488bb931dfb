// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The parent in a kill trial: knows what the writers have said, and judges
/// what they left behind.

#pragma once

#include "trials/ledger.hpp"
#include "trials/notes.hpp"
#include "trials/oracle.hpp"

#include "larder/backend.hpp"

#include <string>

namespace trials {

/// What a trial has proved.
struct tally {
  uint64_t rounds = 0;
  uint64_t acknowledged = 0; ///< operations
  uint64_t refused = 0;      ///< operations that lost a race
  uint64_t unanswered = 0;   ///< operations that were cut off
  uint64_t completed = 0;    ///< of them found carried out all the same
};

class referee {
public:
  /// @param dir has the store of `uri` and nothing else
  referee(std::string uri, std::string dir);

  /// Makes the store and the accounts.
  violations create();

  /// Takes what a writer has said.
  /// @returns whether it tells of an acknowledged operation
  bool hear(unsigned writer, const note& x, violations& out);

  /// Opens the store that all writers have left, judges it and writes to it.
  /// @param thoroughly whether to rewrite all keys and look for leftovers
  violations examine(bool thoroughly);

  const tally& result() const {
    return tally_;
  }

private:
  void judge(const contents& found, violations& out);
  void settle(const contents& found);
  void write_all(larder::backend& store, contents& found, violations& out);

  version next_version() {
    return (uint64_t{0xFF} << 24) | (tally_.rounds << 32) | ++count_;
  }

  std::string uri_;
  std::string dir_;
  oracle own_;
  ledger accounts_;
  tally tally_;
  uint64_t count_ = 0;
};

} // namespace trials
