// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of the LMDB engine share.

#pragma once

#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"
#include "larder/registry.hpp"

#include <lmdb.h>

namespace lmdb_tools {

using namespace larder;

using file_tools::commit_one;
using file_tools::erase;
using file_tools::get;
using file_tools::must;
using file_tools::put;
using file_tools::read_one;

inline engine the_engine() {
  backend_registry registry;
  return **registry.find("lmdb");
}

inline uri at(const std::string& dir,
              std::map<std::string, std::string> options = {}) {
  return {"lmdb", {}, dir, std::move(options)};
}

/// Without sync: what these tests are about does not depend on it.
inline uri fast(const std::string& dir) {
  return at(dir, {{"sync", "off"}});
}

inline std::unique_ptr<backend> create(const uri& x) {
  return must(the_engine().create(x));
}

inline std::unique_ptr<backend> open(const uri& x) {
  return must(the_engine().open(x));
}

/// A blob with a value of `size` bytes that are all `x`.
inline std::shared_ptr<const bytes> filled(uint8_t x, size_t size) {
  bytes value(size, std::byte{x});
  return std::make_shared<const bytes>(
    make_test_blob(file_tools::rev(x), {}, value));
}

/// Calls `f` with a write transaction of LMDB on the data file of a closed
/// store, and commits it.
template <class F>
void edit(const std::string& dir, F f) {
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_open(env, (dir + "/larder.mdb").c_str(), MDB_NOSUBDIR, 0666)
          == 0);
  MDB_txn* txn = nullptr;
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  MDB_dbi dbi = 0;
  REQUIRE(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
  f(txn, dbi);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

/// Puts what should not be there.
inline void put_raw(MDB_txn* txn, MDB_dbi dbi, std::string key,
                    std::string value) {
  MDB_val name{key.size(), key.data()};
  MDB_val data{value.size(), value.data()};
  REQUIRE(mdb_put(txn, dbi, &name, &data, 0) == 0);
}

inline std::string raw_value(MDB_txn* txn, MDB_dbi dbi, std::string key) {
  MDB_val name{key.size(), key.data()};
  MDB_val data{};
  REQUIRE(mdb_get(txn, dbi, &name, &data) == 0);
  return {static_cast<const char*>(data.mv_data), data.mv_size};
}

inline uint64_t figure(backend& store, const std::string& name) {
  for (auto& x : store.figures())
    if (x.name == name)
      return x.amount;
  FAIL("no figure " << name);
  return 0;
}

} // namespace lmdb_tools
