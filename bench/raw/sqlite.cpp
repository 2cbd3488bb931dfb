// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "measure.hpp"
#include "raw/raw_engine.hpp"

#include <sqlite3.h>

#include <mutex>

namespace bench {

namespace {

class connection {
public:
  explicit connection(const std::string& file) {
    if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK)
      give_up(sqlite3_errmsg(db_));
    sqlite3_busy_timeout(db_, 10'000);
    run("pragma journal_mode = wal");
    run("pragma synchronous = full");
    run("create table if not exists blobs (key blob unique not null, "
        "metadata blob, value blob)");
  }

  ~connection() {
    sqlite3_close_v2(db_);
  }

  connection(const connection&) = delete;

  connection& operator=(const connection&) = delete;

  void run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      give_up(sqlite3_errmsg(db_));
  }

  sqlite3* get() {
    return db_;
  }

private:
  sqlite3* db_ = nullptr;
};

class statement {
public:
  statement(connection& db, const char* sql) : db_(db) {
    if (sqlite3_prepare_v2(db.get(), sql, -1, &stmt_, nullptr) != SQLITE_OK)
      give_up(sqlite3_errmsg(db.get()));
  }

  ~statement() {
    sqlite3_finalize(stmt_);
  }

  statement(const statement&) = delete;

  statement& operator=(const statement&) = delete;

  statement& bind(int i, std::string_view x) {
    sqlite3_bind_blob64(stmt_, i, x.data(), x.size(), SQLITE_STATIC);
    return *this;
  }

  /// Returns whether there is a row.
  bool step() {
    auto code = sqlite3_step(stmt_);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      give_up(sqlite3_errmsg(db_.get()));
    return code == SQLITE_ROW;
  }

  std::string_view column(int i) {
    auto* data = static_cast<const char*>(sqlite3_column_blob(stmt_, i));
    return {data, static_cast<size_t>(sqlite3_column_bytes(stmt_, i))};
  }

  void reset() {
    sqlite3_reset(stmt_);
  }

private:
  connection& db_;
  sqlite3_stmt* stmt_ = nullptr;
};

/// SQLite in WAL mode: one connection that writes, one per thread to read.
class engine : public raw_engine {
public:
  explicit engine(const std::string& dir)
    : file_((std::filesystem::create_directories(dir), dir + "/db")),
      db_(file_),
      insert_(db_, "insert or replace into blobs (key, metadata, value) "
                   "values (?, ?, ?)") {
    // nop
  }

  std::unique_ptr<raw_session> connect() override {
    return std::make_unique<session>(*this);
  }

  void list(const visitor& visit) override {
    statement all{db_, "select key, metadata from blobs order by key"};
    while (all.step())
      visit(all.column(0), all.column(1));
  }

  void set_sync(bool on) override {
    db_.run(on ? "pragma synchronous = full" : "pragma synchronous = off");
  }

private:
  class session : public raw_session {
  public:
    explicit session(engine& parent)
      : parent_(parent),
        db_(parent.file_),
        all_(db_, "select metadata, value from blobs where key = ?"),
        part_(db_, "select metadata from blobs where key = ?") {
      // nop
    }

    void put(const std::string& key, std::string_view metadata,
             std::string_view value) override {
      std::unique_lock guard{parent_.mutex_};
      parent_.insert_.bind(1, key).bind(2, metadata).bind(3, value).step();
      parent_.insert_.reset();
    }

    void get(const std::string& key, std::string& buffer) override {
      if (!all_.bind(1, key).step())
        give_up("no " + key);
      buffer = all_.column(0);
      buffer += all_.column(1);
      all_.reset();
    }

    void get_metadata(const std::string& key, std::string& buffer) override {
      if (!part_.bind(1, key).step())
        give_up("no " + key);
      buffer = part_.column(0);
      part_.reset();
    }

  private:
    engine& parent_;
    connection db_;
    statement all_;
    statement part_;
  };

  std::string file_;
  connection db_;
  statement insert_;
  std::mutex mutex_;
};

} // namespace

std::unique_ptr<raw_engine> open_raw_sqlite(const std::string& dir) {
  return std::make_unique<engine>(dir);
}

} // namespace bench
