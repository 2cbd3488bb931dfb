// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Finding and changing what stands under the keys of a store. The functions
/// return what LMDB does: 0, MDB_NOTFOUND, MDB_CORRUPTED for what cannot be, or
/// another error.

#pragma once

#include "layout.hpp"

#include <lmdb.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::detail {

struct close_lmdb_cursor {
  void operator()(MDB_cursor* x) const noexcept {
    mdb_cursor_close(x);
  }
};

/// A cursor; closed before its transaction ends.
using lmdb_cursor = std::unique_ptr<MDB_cursor, close_lmdb_cursor>;

int open_cursor(MDB_txn* txn, lmdb_cursor& out);

/// Finds the record of a key of any size.
/// @param out set to nothing for a record that is damaged
int lmdb_find(MDB_txn* txn, std::string_view key,
              std::optional<lmdb_record>& out);

/// Puts the record `x`, with branches if the key needs them. What was there is
/// replaced; its chunks are the caller's to remove.
int lmdb_put(MDB_txn* txn, std::string_view key, const lmdb_record& x);

/// Removes a record that exists, and branches that nobody needs any more.
int lmdb_erase(MDB_txn* txn, std::string_view key);

/// Goes through the records in the order of their keys.
class lmdb_walk {
public:
  /// Goes to the first key that is not less than `bound`, or that is greater if
  /// `exclusive`.
  /// @returns MDB_NOTFOUND if there is none, as `next` does
  int start(MDB_txn* txn, std::string_view bound, bool exclusive);

  int next();

  const std::string& key() const noexcept {
    return key_;
  }

  /// The record, nothing if it is damaged.
  const std::optional<lmdb_record>& record() const noexcept {
    return record_;
  }

private:
  int get(MDB_cursor_op op);
  void prefetch_page();
  int seek(const lmdb_key& bound);
  int settle(int rc);
  int leave_branch();

  lmdb_cursor cursor_;
  MDB_val name_{}; ///< where the cursor is
  MDB_val data_{};
  uintptr_t page_ = 0; ///< the last one that was asked for
  /// The branches on the way, without the root; the segments that lead to them
  /// are the start of the key.
  std::vector<uint64_t> branches_;
  std::string key_;
  std::optional<lmdb_record> record_;
};

} // namespace larder::detail
