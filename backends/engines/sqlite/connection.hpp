// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A thin layer over the C interface of SQLite: handles that clean up after
/// themselves, and result codes as errors.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <sqlite3.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>

namespace larder::detail::sqlite {

/// How to open the database of a store.
struct config {
  /// Absolute, without symbolic links.
  std::string path;
  bool sync = true;
  /// How long to wait for locks of others.
  std::chrono::milliseconds busy_timeout{10'000};
  /// How many reads may go on at once.
  size_t readers = 16;
};

/// Returns the message for a result code of SQLite with the code that tells
/// what to do. The data-loss mark is the caller's to set.
/// @param code an extended result code
/// @param db asked for the operating system's reason; may be null
error to_error(int code, sqlite3* db, const std::string& path);

/// Whether the code tells that a sync has failed, so that nobody knows what is
/// on the medium.
constexpr bool is_failed_sync(int code) noexcept {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

/// The prepared statements that connections keep.
enum class sql : uint8_t {
  begin_read,
  begin_write,
  commit,
  rollback,
  find_head,
  find_all,
  list,
  insert,
  update,
  erase,
  last_chunk,
  last_loose,
  put_chunk,
  end_of_chunks,
  drop_chunks,
  put_loose,
  drop_loose,
  list_loose,
  free_loose,
  find_garbage,
  count_, // last
};

class connection;

/// One run of a prepared statement. Ends with the object, and the read
/// transaction with it unless another one is open.
class query {
public:
  query(connection& conn, sql which);

  query(const query&) = delete;
  query& operator=(const query&) = delete;

  ~query();

  /// Sets the next parameter. Bytes must live as long as the query.
  query& bind(int64_t x);
  query& bind(bytes_view x);
  query& bind_null();

  /// Goes on to the next row.
  /// @returns false when there are no more
  expected<bool> next();

  /// Runs a statement without rows.
  expected<void> run();

  /// The columns of the current row; bytes are valid until `next`.
  int64_t integer(int column) const;
  bytes_view blob(int column) const;
  bool is_null(int column) const;

  /// The result code of the last step.
  int code() const noexcept {
    return code_;
  }

private:
  void note(int code);

  connection& conn_;
  sqlite3_stmt* stmt_ = nullptr;
  int code_ = SQLITE_OK;
  int next_parameter_ = 1;
};

/// A connection for one thread at a time.
class connection {
public:
  /// Opens the database in `config::path`, for reading only if it cannot be
  /// written.
  /// @param flags SQLITE_OPEN_CREATE or 0
  /// @param immutable promise that nobody can change the file
  static expected<connection> open(const config& cfg, int flags = 0,
                                   bool immutable = false);

  /// Runs statements that return nothing of interest.
  expected<void> execute(const char* statements);

  /// Returns the first column of the only row, as text.
  expected<std::string> text_of(const char* statement);

  /// Returns the first column of the only row.
  expected<int64_t> integer_of(const char* statement);

  /// Sets whether the log is left as it is when the connection is closed and is
  /// the last one: no checkpoint, no sync.
  void keep_log_on_close(bool keep) noexcept;

  /// Whether the file at the path is another one, or none.
  bool has_moved() const noexcept;

  bool is_read_only() const noexcept {
    return sqlite3_db_readonly(handle_.get(), "main") == 1;
  }

  bool in_transaction() const noexcept {
    return sqlite3_get_autocommit(handle_.get()) == 0;
  }

  sqlite3* handle() const noexcept {
    return handle_.get();
  }

  error failure(int code) const {
    return to_error(code, handle_.get(), *path_);
  }

private:
  friend class query;

  struct closer {
    void operator()(sqlite3* x) const noexcept {
      sqlite3_close_v2(x);
    }
  };

  struct finalizer {
    void operator()(sqlite3_stmt* x) const noexcept {
      sqlite3_finalize(x);
    }
  };

  using statement = std::unique_ptr<sqlite3_stmt, finalizer>;

  /// Returns a result code.
  int prepare(sql which, sqlite3_stmt*& result);

  /// Runs a statement and calls `f` with it on its row.
  template <class F>
  auto on_row(const char* text, F f)
    -> expected<decltype(f(static_cast<sqlite3_stmt*>(nullptr)))>;

  /// What the busy handler knows.
  struct patience {
    std::chrono::milliseconds limit{0};
    std::chrono::steady_clock::time_point since;
  };

  static int on_busy(void* self, int count) noexcept;

  std::unique_ptr<std::string> path_;
  std::unique_ptr<patience> patience_; // does not move with the connection
  std::unique_ptr<sqlite3, closer> handle_;
  std::array<statement, static_cast<size_t>(sql::count_)> statements_;
};

/// Reads parts of a blob in place (`sqlite3_blob_open`).
class blob_reader {
public:
  explicit blob_reader(connection& conn) : conn_(conn) {
    // nop
  }

  /// Fills `dst` with bytes from `offset` of a blob that must have `size`
  /// bytes.
  /// @returns `corruption` if there is no such blob
  expected<void> read(const char* table, const char* column, int64_t row,
                      uint64_t size, uint64_t offset, std::span<std::byte> dst);

private:
  struct closer {
    void operator()(sqlite3_blob* x) const noexcept {
      sqlite3_blob_close(x);
    }
  };

  connection& conn_;
  std::unique_ptr<sqlite3_blob, closer> handle_; // of the table it began with
};

} // namespace larder::detail::sqlite
