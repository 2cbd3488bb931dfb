// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "engines/rocksdb/stage.hpp"

#include <span>
#include <vector>

namespace larder::detail {

/// A blob of more bytes is written before the commit that makes it visible, so
/// that this stays small.
constexpr uint64_t max_direct_blob = uint64_t{1} << 20;

/// Takes one batch of mutations through its steps: checks them, gathers all
/// changes in one write batch of RocksDB, and writes that with one sync.
class rocks_commit {
public:
  rocks_commit(std::shared_ptr<rocks_database> db, std::span<mutation> batch);

  std::vector<commit_outcome> run();

private:
  struct step {
    const mutation* what = nullptr;
    const bytes* blob = nullptr;
    rocks_staged_blob* staged = nullptr;
    /// Owns `staged` if the blob came in one piece.
    std::unique_ptr<rocks_staged_blob> own;
    bool existed = false;
    uint64_t old_generation = 0;
    uint64_t old_chunks = 0;
    std::optional<error> problem;

    bool erases() const noexcept {
      return std::holds_alternative<std::monostate>(what->content);
    }

    bool keeps() const noexcept {
      return std::holds_alternative<keep>(what->content);
    }
  };

  expected<void> prepare(step& x);
  expected<void> prepare_put(step& x, const std::shared_ptr<const bytes>& blob);
  void look_up();
  expected<void> check(step& x, const rocksdb::Status& status,
                       bytes_view found);
  void fail_groups();
  void add(step& x);
  void put(step& x);
  void write();

  std::shared_ptr<rocks_database> db_;
  std::span<mutation> batch_;
  std::vector<step> steps_;
  rocksdb::WriteBatch changes_;
};

} // namespace larder::detail
