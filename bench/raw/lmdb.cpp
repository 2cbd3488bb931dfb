// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "measure.hpp"
#include "raw/raw_engine.hpp"

#include <lmdb.h>

namespace bench {

namespace {

void must(int code) {
  if (code != 0)
    give_up(mdb_strerror(code));
}

MDB_val to_val(std::string_view x) {
  return {x.size(), const_cast<char*>(x.data())};
}

std::string_view to_view(const MDB_val& x) {
  return {static_cast<const char*>(x.mv_data), x.mv_size};
}

/// LMDB with a database for the metadata.
class engine : public raw_engine {
public:
  explicit engine(const std::string& dir) {
    std::filesystem::create_directories(dir);
    must(mdb_env_create(&env_));
    must(mdb_env_set_maxdbs(env_, 2));
    must(mdb_env_set_mapsize(env_, size_t{16} << 30));
    must(mdb_env_open(env_, dir.c_str(), MDB_NOTLS, 0644));
    MDB_txn* txn = nullptr;
    must(mdb_txn_begin(env_, nullptr, 0, &txn));
    must(mdb_dbi_open(txn, "metadata", MDB_CREATE, &metadata_));
    must(mdb_dbi_open(txn, "values", MDB_CREATE, &values_));
    must(mdb_txn_commit(txn));
  }

  ~engine() override {
    mdb_env_close(env_);
  }

  std::unique_ptr<raw_session> connect() override {
    return std::make_unique<session>(*this);
  }

  void list(const visitor& visit) override {
    MDB_txn* txn = nullptr;
    MDB_cursor* cursor = nullptr;
    must(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn));
    must(mdb_cursor_open(txn, metadata_, &cursor));
    MDB_val k;
    MDB_val v;
    while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
      visit(to_view(k), to_view(v));
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
  }

  void set_sync(bool on) override {
    must(mdb_env_set_flags(env_, MDB_NOSYNC, on ? 0 : 1));
    if (on)
      must(mdb_env_sync(env_, 1));
  }

private:
  class session : public raw_session {
  public:
    explicit session(engine& parent) : parent_(parent) {
      must(mdb_txn_begin(parent.env_, nullptr, MDB_RDONLY, &reader_));
      mdb_txn_reset(reader_);
    }

    ~session() override {
      mdb_txn_abort(reader_);
    }

    void put(const std::string& key, std::string_view metadata,
             std::string_view value) override {
      auto k = to_val(key);
      auto m = to_val(metadata);
      auto v = to_val(value);
      MDB_txn* txn = nullptr;
      must(mdb_txn_begin(parent_.env_, nullptr, 0, &txn));
      must(mdb_put(txn, parent_.metadata_, &k, &m, 0));
      must(mdb_put(txn, parent_.values_, &k, &v, 0));
      must(mdb_txn_commit(txn));
    }

    void get(const std::string& key, std::string& buffer) override {
      auto k = to_val(key);
      MDB_val found;
      must(mdb_txn_renew(reader_));
      must(mdb_get(reader_, parent_.metadata_, &k, &found));
      buffer = to_view(found);
      must(mdb_get(reader_, parent_.values_, &k, &found));
      buffer += to_view(found);
      mdb_txn_reset(reader_);
    }

    void get_metadata(const std::string& key, std::string& buffer) override {
      auto k = to_val(key);
      MDB_val found;
      must(mdb_txn_renew(reader_));
      must(mdb_get(reader_, parent_.metadata_, &k, &found));
      buffer = to_view(found);
      mdb_txn_reset(reader_);
    }

  private:
    engine& parent_;
    MDB_txn* reader_ = nullptr;
  };

  MDB_env* env_ = nullptr;
  MDB_dbi metadata_ = 0;
  MDB_dbi values_ = 0;
};

} // namespace

std::unique_ptr<raw_engine> open_raw_lmdb(const std::string& dir) {
  return std::make_unique<engine>(dir);
}

} // namespace bench
