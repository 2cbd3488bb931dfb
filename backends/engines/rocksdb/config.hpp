// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How a store is configured, and what that means for RocksDB.

#pragma once

#include "larder/error.hpp"
#include "larder/uri.hpp"

#include <rocksdb/options.h>

#include <cstdint>
#include <memory>
#include <string>

namespace larder::detail {

struct rocks_config {
  std::string dir;
  bool sync = true;
  /// Whether damage in the write-ahead log is an error, instead of the end.
  bool strict_recovery = true;
  uint64_t cache = uint64_t{64} << 20;
  uint64_t write_buffer = uint64_t{32} << 20;
  rocksdb::CompressionType compression = rocksdb::kNoCompression;
  int threads = 2;
  int max_open_files = 512;
  /// Greatest size of a blob; no option, tests lower it.
  uint64_t max_blob_size = uint64_t{1} << 40;
  /// Where the files are; no option, tests let it fail. Outlives the store.
  rocksdb::Env* env = rocksdb::Env::Default();
};

/// @returns `invalid_argument`
expected<rocks_config> parse_rocks_config(uri x);

/// The options of one open database, and the cache that its families share.
struct rocks_options {
  explicit rocks_options(const rocks_config& config);

  std::shared_ptr<rocksdb::Cache> cache;
  rocksdb::DBOptions db;
  rocksdb::ColumnFamilyOptions heads;
  rocksdb::ColumnFamilyOptions chunks;
  rocksdb::ColumnFamilyOptions notes;
};

} // namespace larder::detail
