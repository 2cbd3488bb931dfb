// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// An open database with what its readers and writers share.

#pragma once

#include "engines/rocksdb/config.hpp"
#include "engines/rocksdb/key_gate.hpp"
#include "engines/rocksdb/layout.hpp"

#include "larder/detail/file/lock.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace larder::detail {

/// Turns a failure of RocksDB into ours.
/// @param what what could not be done, as in "cannot read the blob"
error to_error(const rocksdb::Status& status, std::string_view what);

class rocks_database {
public:
  /// Opens the database in `config.dir`, or makes one there.
  /// @returns `locked`, `corruption`, `io_error`
  static expected<std::shared_ptr<rocks_database>>
  open(rocks_config config, store_lock lock, const uuid& id, bool create);

  ~rocks_database();

  rocks_database(const rocks_database&) = delete;
  rocks_database& operator=(const rocks_database&) = delete;

  const rocks_config& config() const noexcept {
    return config_;
  }

  const uuid& id() const noexcept {
    return id_;
  }

  /// The cache that slices pin their blocks in.
  const std::shared_ptr<rocksdb::Cache>& cache() const noexcept {
    return cache_;
  }

  rocksdb::DB& db() const noexcept {
    return *db_;
  }

  rocksdb::ColumnFamilyHandle* heads() const noexcept {
    return heads_;
  }

  rocksdb::ColumnFamilyHandle* chunks() const noexcept {
    return chunks_;
  }

  rocksdb::ColumnFamilyHandle* notes() const noexcept {
    return notes_;
  }

  // -- writing ----------------------------------------------------------------

  /// Must be called before the first write: removes what interrupted writers
  /// have left. Any thread, any number of times.
  /// @returns `io_error` once a write has failed: then nothing more is written
  ///          until the store is reopened, because RocksDB does not know what
  ///          of its log has reached the medium
  expected<void> prepare_writing();

  /// Returns a number that no blob in the store has. Call `prepare_writing`
  /// before.
  uint64_t new_generation() noexcept {
    return next_generation_.fetch_add(1, std::memory_order_relaxed);
  }

  /// Writes without making it durable, for what nobody sees yet.
  expected<void> write_hidden(rocksdb::WriteBatch& batch);

  /// Writes and syncs, unless configured not to.
  /// @returns an error with data loss unless it is certain that nothing was
  ///          written
  expected<void> write_durably(rocksdb::WriteBatch& batch);

  /// Refuses all further writes.
  void fail_writes(std::string_view reason) noexcept;

  /// Adds the removal of a blob's chunks to a batch.
  void remove_chunks(rocksdb::WriteBatch& batch, uint64_t generation,
                     uint64_t count) const;

  key_gate gate;

  /// How many staged blobs there are.
  std::atomic<uint64_t> stages{0};

private:
  rocks_database(rocks_config config, store_lock lock, const uuid& id);

  void empty_log();
  expected<void> check_writable() const;
  expected<void> write(rocksdb::WriteBatch& batch, bool sync);
  expected<void> sweep();

  rocks_config config_;
  store_lock lock_; // given up last
  uuid id_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::Env> env_; ///< the database uses it to its end
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* heads_ = nullptr;
  rocksdb::ColumnFamilyHandle* chunks_ = nullptr;
  rocksdb::ColumnFamilyHandle* notes_ = nullptr;

  std::mutex preparing_;
  std::atomic<bool> prepared_{false};
  std::atomic<uint64_t> next_generation_{1};
  std::atomic<bool> failed_{false};
  mutable std::mutex failing_;
  std::string failure_;
};

} // namespace larder::detail
