// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/config.hpp"

#include "larder/detail/file/identity.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <limits>

namespace larder::detail {

namespace {

constexpr uint64_t mebibyte = uint64_t{1} << 20;
constexpr uint64_t gibibyte = uint64_t{1} << 30;

/// Takes a number from `min` to `max`.
template <class T>
expected<void> take_in_range(uri& x, const std::string& name, uint64_t min,
                             uint64_t max, T& out) {
  auto number = x.take_number(name, static_cast<uint64_t>(out));
  if (!number)
    return fail(number.error());
  if (*number < min || *number > max)
    return fail(errc::invalid_argument, name + " must be from "
                                          + std::to_string(min) + " to "
                                          + std::to_string(max));
  out = static_cast<T>(*number);
  return {};
}

expected<rocksdb::CompressionType> take_compression(uri& x) {
  auto name = x.take("compression", "none");
  if (name == "none")
    return rocksdb::kNoCompression;
  if (name == "lz4")
    return rocksdb::kLZ4Compression;
  if (name == "zstd")
    return rocksdb::kZSTD;
  return fail(errc::invalid_argument,
              "compression must be none, lz4 or zstd, not \"" + name + "\"");
}

expected<bool> take_strict_recovery(uri& x) {
  auto name = x.take("recovery", "strict");
  if (name == "strict")
    return true;
  if (name == "point-in-time")
    return false;
  return fail(errc::invalid_argument,
              "recovery must be strict or point-in-time, not \"" + name + "\"");
}

} // namespace

expected<rocks_config> parse_rocks_config(uri x) {
  auto dir = directory_of(x);
  if (!dir)
    return fail(dir.error());
  rocks_config result;
  result.dir = std::move(*dir);
  auto sync = x.take_flag("sync", result.sync);
  if (!sync)
    return fail(sync.error());
  result.sync = *sync;
  auto strict = take_strict_recovery(x);
  if (!strict)
    return fail(strict.error());
  result.strict_recovery = *strict;
  auto compression = take_compression(x);
  if (!compression)
    return fail(compression.error());
  result.compression = *compression;
  for (auto ok :
       {take_in_range(x, "cache", mebibyte, 1024 * gibibyte, result.cache),
        take_in_range(x, "write-buffer", mebibyte, 4 * gibibyte,
                      result.write_buffer),
        take_in_range(x, "threads", 1, 64, result.threads),
        take_in_range(x, "max-open-files", 16, 1'000'000,
                      result.max_open_files)})
    if (!ok)
      return fail(ok.error());
  if (auto ok = x.check_all_taken(); !ok)
    return fail(ok.error());
  return result;
}

namespace {

/// Takes RocksDB's remarks and keeps none. Its own log is a file of the store:
/// after a failed write to it, for want of space perhaps, a library built with
/// assertions ends the process at the next remark.
class no_log : public rocksdb::Logger {
public:
  using Logger::Logv;

  void Logv(const char*, va_list) override {
    // nop
  }
};

/// Keeps RocksDB from going on by itself when a full disk has space again: that
/// would sync again what a sync has failed for.
class no_recovery : public rocksdb::EventListener {
public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

} // namespace

rocks_options::rocks_options(const rocks_config& config)
  : cache(rocksdb::NewLRUCache(config.cache)) {
  db.env = config.env;
  db.max_background_jobs = config.threads;
  db.max_open_files = config.max_open_files;
  db.wal_recovery_mode
    = config.strict_recovery
        ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
        : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // Bounds the time that opening takes after a crash.
  db.max_total_wal_size = 2 * config.write_buffer;
  // What could not be written is never tried again, see rocks_database.
  db.max_bgerror_resume_count = 0;
  db.listeners.push_back(std::make_shared<no_recovery>());
  // The kernel begins to write early, so that a sync waits for less.
  db.wal_bytes_per_sync = mebibyte;
  db.bytes_per_sync = mebibyte;
  db.info_log = std::make_shared<no_log>();
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // In the cache, so that memory does not grow with the number of keys.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  rocksdb::ColumnFamilyOptions common;
  common.write_buffer_size = config.write_buffer;
  common.compression = config.compression;
  common.level_compaction_dynamic_level_bytes = true;

  // Ascending numbers that are there when they are looked for: no filter.
  chunks = common;
  chunks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  notes = common;
  notes.write_buffer_size = mebibyte;
  notes.table_factory = chunks.table_factory;

  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  heads = common;
  heads.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  heads.memtable_whole_key_filtering = true;
  heads.memtable_prefix_bloom_size_ratio = 0.02;
  // A listing has to step over what was erased: see to it that this is little.
  constexpr size_t window = 10'000;
  constexpr size_t erased = 5'000;
  heads.table_properties_collector_factories.push_back(
    rocksdb::NewCompactOnDeletionCollectorFactory(window, erased));
}

} // namespace larder::detail
