// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/engine.hpp"

#include "engines/rocksdb/commit.hpp"
#include "engines/rocksdb/read.hpp"
#include "engines/rocksdb/stage.hpp"
#include "engines/rocksdb/store.hpp"

#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/file/names.hpp"

#include <rocksdb/snapshot.h>
#include <sys/statvfs.h>

#include <algorithm>

namespace larder::detail {

namespace {

/// Header and metadata are kept in memory while a blob is staged, and in one
/// record of the database for ever.
constexpr uint64_t max_prefix_size = uint64_t{1} << 30;

/// Compactions keep what it sees, with the chunks of blobs that were replaced.
class rocks_snapshot : public backend_snapshot {
public:
  explicit rocks_snapshot(std::shared_ptr<rocks_database> db)
    : db_(std::move(db)), moment_(&db_->db()) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    try {
      return read_blobs(*db_, *moment_.snapshot(), requests);
    } catch (...) {
      return {requests.size(), fail(error_of_exception())};
    }
  }

  expected<list_page> list(const list_request& request) override {
    return without_exceptions(
      [&] { return list_blobs(*db_, moment_.snapshot(), request); });
  }

private:
  std::shared_ptr<rocks_database> db_;
  rocksdb::ManagedSnapshot moment_;
};

class rocks_backend : public backend {
public:
  explicit rocks_backend(std::shared_ptr<rocks_database> db)
    : db_(std::move(db)) {
    // nop
  }

  capabilities caps() const override {
    capabilities result;
    result.atomic_groups = true;
    result.ordered_listing = true;
    result.partial_reads = true;
    result.durable = db_->config().sync;
    result.concurrent_commits = true;
    result.staging = true;
    result.snapshots = true;
    result.max_key_size = max_key_size;
    result.max_blob_size = db_->config().max_blob_size;
    return result;
  }

  const uuid& id() const override {
    return db_->id();
  }

  std::string name() const override {
    return to_string(uri{"rocksdb", {}, db_->config().dir, {}});
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    try {
      return rocks_commit{db_, batch}.run();
    } catch (...) {
      return {batch.size(), fail(error_of_exception(true))};
    }
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    try {
      return read_blobs(*db_, requests);
    } catch (...) {
      return {requests.size(), fail(error_of_exception())};
    }
  }

  expected<list_page> list(const list_request& request) override {
    return without_exceptions(
      [&] { return list_blobs(*db_, nullptr, request); });
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    if (auto ok = check_key(key); !ok)
      return fail(ok.error());
    auto max = std::min(max_prefix_size, db_->config().max_blob_size);
    if (prefix_size > max)
      return fail(errc::limit_exceeded, "header and metadata have more than "
                                          + std::to_string(max) + " bytes");
    using result_type = expected<std::unique_ptr<staged_blob>>;
    return without_exceptions([&]() -> result_type {
      return std::make_unique<rocks_staged_blob>(db_, key, prefix_size);
    });
  }

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    using result_type = expected<std::unique_ptr<backend_snapshot>>;
    return without_exceptions(
      [&]() -> result_type { return std::make_unique<rocks_snapshot>(db_); });
  }

  std::vector<engine_figure> figures() const override {
    std::vector<engine_figure> result{
      {"stages", db_->stages.load(std::memory_order_relaxed)},
      {"estimated-keys", property("rocksdb.estimate-num-keys", db_->heads())},
      {"table-bytes", sum("rocksdb.live-sst-files-size")},
      {"memtable-bytes", sum("rocksdb.cur-size-all-mem-tables")},
      {"pending-compaction-bytes",
       sum("rocksdb.estimate-pending-compaction-bytes")},
      {"block-cache-bytes",
       property("rocksdb.block-cache-usage", db_->heads())},
      {"background-errors-total",
       property("rocksdb.background-errors", db_->heads())}};
    struct statvfs medium {};
    if (::statvfs(db_->config().dir.c_str(), &medium) == 0)
      result.push_back({"free-bytes", medium.f_bavail * medium.f_frsize});
    return result;
  }

private:
  uint64_t property(const char* name,
                    rocksdb::ColumnFamilyHandle* family) const {
    uint64_t result = 0;
    db_->db().GetIntProperty(family, name, &result);
    return result;
  }

  uint64_t sum(const char* name) const {
    return property(name, db_->heads()) + property(name, db_->chunks())
           + property(name, db_->notes());
  }

  std::shared_ptr<rocks_database> db_;
};

} // namespace

std::unique_ptr<backend>
make_rocks_backend(std::shared_ptr<rocks_database> db) {
  return std::make_unique<rocks_backend>(std::move(db));
}

engine make_rocksdb_engine() {
  return {"rocksdb",
          "rocksdb:DIR, a RocksDB database; options: sync=on|off, cache=BYTES, "
          "write-buffer=BYTES, compression=none|lz4|zstd, threads=N, "
          "max-open-files=N, recovery=strict|point-in-time",
          with_config(parse_rocks_config, create_rocks_store),
          with_config(parse_rocks_config, open_rocks_store),
          with_config(parse_rocks_config, rocks_store_exists),
          with_config(parse_rocks_config, destroy_rocks_store)};
}

} // namespace larder::detail
