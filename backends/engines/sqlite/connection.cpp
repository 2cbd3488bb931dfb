// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "connection.hpp"

#include "schema.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

namespace larder::detail::sqlite {

namespace {

/// No connection needs more memory than this for pages, in KiB.
constexpr const char* set_cache = "PRAGMA cache_size=-8192";

/// Deleted bytes are overwritten where that costs no further write.
constexpr const char* set_deletion = "PRAGMA secure_delete=FAST";

/// A log that has grown beyond this is cut when it is used again.
constexpr const char* set_log_size = "PRAGMA journal_size_limit=67108864";

errc code_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return errc::locked;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errc::corruption;
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return errc::limit_exceeded;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
    case SQLITE_INTERRUPT:
      break;
    default: // SQL that does not fit the tables, or misuse
      return errc::internal;
  }
  if (code == SQLITE_IOERR_NOMEM)
    return errc::limit_exceeded;
  return code == SQLITE_IOERR_CORRUPTFS ? errc::corruption : errc::io_error;
}

std::string advice(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return "others have used it for longer than the busy-timeout; nothing "
             "was changed, try again";
    case SQLITE_FULL:
      return "no space left on the device; nothing was changed";
    case SQLITE_NOMEM:
      return "out of memory";
    case SQLITE_READONLY:
      return code == SQLITE_READONLY_DBMOVED
               ? "the file was moved or removed while it was open"
               : "the file or its medium cannot be written";
    case SQLITE_NOTADB:
      return "not an SQLite database: the file of another program, or a store "
             "whose start is damaged";
    case SQLITE_CORRUPT:
      return "the database is damaged; the sqlite3 shell's \".recover\" may "
             "save what is left";
    default:
      return sqlite3_errstr(code);
  }
}

} // namespace

error to_error(int code, sqlite3* db, const std::string& path) {
  auto message = path + ": " + advice(code);
  if (auto err = db != nullptr ? sqlite3_system_errno(db) : 0;
      err != 0 && code_of(code) == errc::io_error)
    message += " (" + std::generic_category().message(err) + ")";
  message += " [SQLite " + std::to_string(code) + "]";
  return {code_of(code), std::move(message)};
}

// -- query --------------------------------------------------------------------

query::query(connection& conn, sql which) : conn_(conn) {
  note(conn.prepare(which, stmt_));
}

query::~query() {
  if (stmt_ == nullptr)
    return;
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
}

void query::note(int code) {
  if (code_ == SQLITE_OK)
    code_ = code;
}

query& query::bind(int64_t x) {
  if (code_ == SQLITE_OK)
    note(sqlite3_bind_int64(stmt_, next_parameter_++, x));
  return *this;
}

query& query::bind(bytes_view x) {
  if (code_ != SQLITE_OK)
    return *this;
  // A null pointer would be NULL, not an empty blob.
  const void* data = x.empty() ? static_cast<const void*>("") : x.data();
  note(sqlite3_bind_blob64(stmt_, next_parameter_++, data, x.size(),
                           SQLITE_STATIC));
  return *this;
}

query& query::bind_null() {
  if (code_ == SQLITE_OK)
    note(sqlite3_bind_null(stmt_, next_parameter_++));
  return *this;
}

expected<bool> query::next() {
  if (code_ == SQLITE_OK || code_ == SQLITE_ROW)
    code_ = sqlite3_step(stmt_);
  if (code_ == SQLITE_ROW || code_ == SQLITE_DONE)
    return code_ == SQLITE_ROW;
  return fail(conn_.failure(code_));
}

expected<void> query::run() {
  if (auto row = next(); !row)
    return fail(row.error());
  return {};
}

int64_t query::integer(int column) const {
  return sqlite3_column_int64(stmt_, column);
}

bytes_view query::blob(int column) const {
  auto* data = sqlite3_column_blob(stmt_, column);
  auto size = sqlite3_column_bytes(stmt_, column);
  if (data == nullptr)
    return {};
  return {static_cast<const std::byte*>(data), static_cast<size_t>(size)};
}

bool query::is_null(int column) const {
  return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
}

// -- connection ---------------------------------------------------------------

namespace {

/// Escapes a path for SQLite's own URIs.
std::string immutable_uri(const std::string& path) {
  std::string result = "file:";
  for (auto c : path) {
    if (c == '%' || c == '?' || c == '#')
      result += "%" + to_hex(as_bytes({&c, 1}));
    else
      result += c;
  }
  return result + "?immutable=1";
}

} // namespace

expected<connection> connection::open(const config& cfg, int flags,
                                      bool immutable) {
  if (sqlite3_threadsafe() == 0)
    return fail(errc::unsupported,
                "this SQLite was built for programs with one thread");
  connection result;
  result.path_ = std::make_unique<std::string>(cfg.path);
  result.patience_ = std::make_unique<patience>();
  result.patience_->limit = cfg.busy_timeout;
  auto name = immutable ? immutable_uri(cfg.path) : cfg.path;
  flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                     : SQLITE_OPEN_READWRITE;
  sqlite3* handle = nullptr;
  auto code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  result.handle_.reset(handle);
  if (code != SQLITE_OK)
    return fail(result.failure(code));
  sqlite3_busy_handler(handle, on_busy, result.patience_.get());
  // EXTRA is FULL with a sync of the directory after a rollback journal.
  auto set_sync = cfg.sync ? "PRAGMA synchronous=EXTRA"
                           : "PRAGMA synchronous=OFF";
  for (auto statement : {set_sync, set_cache, set_deletion, set_log_size})
    if (auto ok = result.execute(statement); !ok)
      return fail(ok.error());
  return result;
}

int connection::on_busy(void* self, int count) noexcept {
  using namespace std::chrono;
  auto& x = *static_cast<patience*>(self);
  auto now = steady_clock::now();
  if (count == 0)
    x.since = now;
  if (now - x.since >= x.limit)
    return 0;
  // Transactions take about a sync; SQLite's own handler would sleep far longer
  // and starve.
  std::this_thread::sleep_for(microseconds{100} * std::min(count + 1, 20));
  return 1;
}

int connection::prepare(sql which, sqlite3_stmt*& result) {
  auto& slot = statements_[static_cast<size_t>(which)];
  if (!slot) {
    auto code = sqlite3_prepare_v3(handle_.get(), statement_text(which), -1,
                                   SQLITE_PREPARE_PERSISTENT, &result, nullptr);
    slot.reset(result);
    return code;
  }
  result = slot.get();
  return SQLITE_OK;
}

expected<void> connection::execute(const char* statements) {
  auto code
    = sqlite3_exec(handle_.get(), statements, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return fail(failure(code));
  return {};
}

template <class F>
auto connection::on_row(const char* text, F f)
  -> expected<decltype(f(static_cast<sqlite3_stmt*>(nullptr)))> {
  sqlite3_stmt* raw = nullptr;
  auto code = sqlite3_prepare_v2(handle_.get(), text, -1, &raw, nullptr);
  statement stmt{raw};
  if (code == SQLITE_OK)
    code = sqlite3_step(raw);
  if (code == SQLITE_ROW)
    return f(raw);
  if (code == SQLITE_DONE)
    return fail(errc::corruption, *path_ + ": a row is missing");
  return fail(failure(code));
}

expected<std::string> connection::text_of(const char* text) {
  return on_row(text, [](sqlite3_stmt* stmt) {
    auto* result = sqlite3_column_text(stmt, 0);
    auto size = static_cast<size_t>(sqlite3_column_bytes(stmt, 0));
    return result == nullptr
             ? std::string{}
             : std::string{reinterpret_cast<const char*>(result), size};
  });
}

expected<int64_t> connection::integer_of(const char* text) {
  return on_row(text, [](sqlite3_stmt* stmt) {
    return static_cast<int64_t>(sqlite3_column_int64(stmt, 0));
  });
}

void connection::keep_log_on_close(bool keep) noexcept {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                    keep ? 1 : 0, nullptr);
}

bool connection::has_moved() const noexcept {
  int result = 0;
  auto code = sqlite3_file_control(handle_.get(), "main",
                                   SQLITE_FCNTL_HAS_MOVED, &result);
  return code == SQLITE_OK && result != 0;
}

// -- blob_reader --------------------------------------------------------------

expected<void> blob_reader::read(const char* table, const char* column,
                                 int64_t row, uint64_t size, uint64_t offset,
                                 std::span<std::byte> dst) {
  auto code = SQLITE_OK;
  if (handle_) {
    code = sqlite3_blob_reopen(handle_.get(), row);
  } else {
    sqlite3_blob* raw = nullptr;
    code
      = sqlite3_blob_open(conn_.handle(), "main", table, column, row, 0, &raw);
    handle_.reset(raw);
  }
  auto damaged = [&] {
    return fail(errc::corruption,
                "row " + std::to_string(row) + " of table " + table
                  + " is missing or has another size than the table blobs "
                    "tells");
  };
  if (code == SQLITE_ERROR) // no such row, or not a blob
    return damaged();
  if (code != SQLITE_OK)
    return fail(conn_.failure(code));
  if (static_cast<uint64_t>(sqlite3_blob_bytes(handle_.get())) != size)
    return damaged();
  code = sqlite3_blob_read(handle_.get(), dst.data(),
                           static_cast<int>(dst.size()),
                           static_cast<int>(offset));
  if (code != SQLITE_OK)
    return fail(conn_.failure(code));
  return {};
}

} // namespace larder::detail::sqlite
