// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "measure.hpp"
#include "raw/raw_engine.hpp"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

namespace bench {

namespace {

void must(const rocksdb::Status& x) {
  if (!x.ok())
    give_up(x.ToString());
}

/// RocksDB with a column family for the metadata, without compression.
class engine : public raw_engine {
public:
  explicit engine(const std::string& dir) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    rocksdb::ColumnFamilyOptions family;
    family.compression = rocksdb::kNoCompression;
    family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    must(rocksdb::DB::Open(
      options, dir,
      {{rocksdb::kDefaultColumnFamilyName, family}, {"metadata", family}},
      &families_, &db));
    db_.reset(db);
  }

  ~engine() override {
    for (auto* x : families_)
      must(db_->DestroyColumnFamilyHandle(x));
  }

  std::unique_ptr<raw_session> connect() override {
    return std::make_unique<session>(*this);
  }

  void list(const visitor& visit) override {
    std::unique_ptr<rocksdb::Iterator> i{
      db_->NewIterator(rocksdb::ReadOptions{}, families_[1])};
    for (i->SeekToFirst(); i->Valid(); i->Next())
      visit(i->key().ToStringView(), i->value().ToStringView());
    must(i->status());
  }

  void set_sync(bool on) override {
    sync_ = on;
  }

private:
  class session : public raw_session {
  public:
    explicit session(engine& parent) : parent_(parent) {
      // nop
    }

    void put(const std::string& key, std::string_view metadata,
             std::string_view value) override {
      rocksdb::WriteBatch batch;
      must(batch.Put(parent_.families_[1], key, metadata));
      must(batch.Put(parent_.families_[0], key, value));
      rocksdb::WriteOptions options;
      options.sync = parent_.sync_;
      must(parent_.db_->Write(options, &batch));
    }

    void get(const std::string& key, std::string& buffer) override {
      rocksdb::PinnableSlice found;
      get(1, key, found);
      buffer = found.ToStringView();
      get(0, key, found);
      buffer += found.ToStringView();
    }

    void get_metadata(const std::string& key, std::string& buffer) override {
      rocksdb::PinnableSlice found;
      get(1, key, found);
      buffer = found.ToStringView();
    }

  private:
    void get(size_t family, const std::string& key,
             rocksdb::PinnableSlice& found) {
      found.Reset();
      must(parent_.db_->Get(rocksdb::ReadOptions{}, parent_.families_[family],
                            key, &found));
    }

    engine& parent_;
  };

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  bool sync_ = true;
};

} // namespace

std::unique_ptr<raw_engine> open_raw_rocksdb(const std::string& dir) {
  return std::make_unique<engine>(dir);
}

} // namespace bench
