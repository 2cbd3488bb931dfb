// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of the RocksDB engine share.

#pragma once

#include "backends/file_tools.hpp"
#include "engines/rocksdb/layout.hpp"
#include "engines/rocksdb/store.hpp"
#include "temp_dir.hpp"

#include "larder/registry.hpp"

#include <catch2/catch.hpp>
#include <rocksdb/db.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rocks_tools {

using namespace larder;

using file_tools::commit_one;
using file_tools::erase;
using file_tools::get;
using file_tools::keys;
using file_tools::must;
using file_tools::put;
using file_tools::read_one;
using file_tools::rev;

inline detail::rocks_config config_for(std::string dir) {
  detail::rocks_config result;
  result.dir = std::move(dir);
  return result;
}

inline std::unique_ptr<backend> create(detail::rocks_config config) {
  return must(detail::create_rocks_store(std::move(config)));
}

inline std::unique_ptr<backend> open(detail::rocks_config config) {
  return must(detail::open_rocks_store(std::move(config)));
}

/// A database that was opened without larder, for reading.
struct raw_database {
  explicit raw_database(const std::string& dir) {
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (auto name :
         {detail::notes_family, detail::heads_family, detail::chunks_family})
      families.push_back({std::string{name}, {}});
    rocksdb::DB* ptr = nullptr;
    auto status
      = rocksdb::DB::OpenForReadOnly({}, dir, families, &handles, &ptr);
    INFO(status.ToString());
    REQUIRE(status.ok());
    db.reset(ptr);
  }

  ~raw_database() {
    for (auto* x : handles)
      db->DestroyColumnFamilyHandle(x);
  }

  raw_database(const raw_database&) = delete;
  raw_database& operator=(const raw_database&) = delete;

  /// All records of a family; in order notes, heads, chunks.
  std::map<std::string, std::string> records(size_t family) const {
    std::map<std::string, std::string> result;
    std::unique_ptr<rocksdb::Iterator> i{
      db->NewIterator({}, handles.at(family))};
    for (i->SeekToFirst(); i->Valid(); i->Next())
      result.emplace(i->key().ToString(), i->value().ToString());
    REQUIRE(i->status().ok());
    return result;
  }

  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
};

/// All that is stored in a directory: RocksDB itself writes files when it is
/// opened, but none of its records may change.
inline std::string describe(const std::string& dir) {
  if (!std::filesystem::exists(dir))
    return "nothing";
  raw_database raw{dir};
  std::string result = file_tools::slurp(dir + "/larder-rocksdb");
  for (size_t family = 0; family < 3; ++family)
    for (auto& [key, value] : raw.records(family))
      result += std::to_string(family) + to_hex(as_bytes(key)) + ":"
                + to_hex(as_bytes(value)) + "\n";
  return result;
}

} // namespace rocks_tools
