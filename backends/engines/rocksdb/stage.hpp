// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "engines/rocksdb/database.hpp"

#include "larder/backend.hpp"

#include <memory>
#include <string>

namespace larder::detail {

/// Adds the head of a blob to a batch.
/// @param generation of its chunks; 0 if `start` is all of it
/// @param start what the head has of it
void put_head(const rocks_database& db, rocksdb::WriteBatch& batch,
              std::string_view key, uint64_t size, uint64_t generation,
              bytes_view start);

/// A blob whose chunks are written before anybody sees them. What comes first,
/// with the prefix, and what does not fill a chunk yet is kept in memory.
class rocks_staged_blob : public staged_blob {
public:
  rocks_staged_blob(std::shared_ptr<rocks_database> db, std::string_view key,
                    uint64_t prefix_size);

  /// Removes what was written, unless it has been committed or may have been.
  ~rocks_staged_blob() override;

  expected<void> append(bytes_view data) override;

  expected<void> set_prefix(bytes_view data) override;

  /// Checks that the blob can be committed under `key` to `db`.
  expected<void> complete(const rocks_database& db,
                          const std::string& key) const;

  /// Adds what is missing to the batch that makes the blob visible.
  void put(rocksdb::WriteBatch& batch);

  /// Takes no more writes nor commits: it has been committed, or what became
  /// of it is not known after a failure.
  void finish() noexcept {
    finished_ = true;
  }

private:
  expected<void> check_open() const;
  expected<void> add(bytes_view data);
  expected<void> write_chunk(bytes_view data);
  void discard();

  std::shared_ptr<rocks_database> db_;
  std::string key_;
  uint64_t prefix_size_;
  uint64_t front_size_; ///< of the chunks that have a part of the prefix
  uint64_t size_;
  bytes front_;
  bytes tail_;
  uint64_t generation_ = 0;
  uint64_t num_written_ = 0; ///< chunks behind the front
  bool has_prefix_;
  bool finished_ = false;
};

} // namespace larder::detail
