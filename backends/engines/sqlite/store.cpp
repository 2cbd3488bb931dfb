// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "store.hpp"

#include "engine.hpp"
#include "schema.hpp"
#include "state.hpp"

#include "larder/detail/file/handle.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>
#include <tuple>

namespace larder::detail::sqlite {

namespace {

// -- files --------------------------------------------------------------------

/// Returns the size of a file, nothing if there is none. The database file must
/// never be opened but by SQLite: closing it would end SQLite's locks.
expected<std::optional<uint64_t>> size_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return std::nullopt;
    return fail(io_failure("look at", path, errno));
  }
  if (!S_ISREG(info.st_mode))
    return fail(errc::invalid_argument, path + " is not a file");
  return static_cast<uint64_t>(info.st_size);
}

/// Refuses a file that has several names: SQLite would look for its log beside
/// each of them, and what is in that of one is lost for the others.
expected<void> check_name(const config& cfg) {
  struct stat info {};
  if (::stat(cfg.path.c_str(), &info) != 0 || info.st_nlink <= 1)
    return {};
  return fail(errc::invalid_argument,
              cfg.path
                + " has another name (a hard link), under which its log would "
                  "not be found; remove that name, or make a copy of the file "
                  "while nobody has it open");
}

/// Returns whether the file with a suffix of the database's is empty or not
/// there.
expected<bool> is_empty(const config& cfg, const char* suffix) {
  return size_of(cfg.path + suffix).map([](std::optional<uint64_t> size) {
    return size.value_or(0) == 0;
  });
}

expected<void> sync_directory_of(const std::string& path) {
  file_ops ops;
  return sync_directory(ops, parent_of(path));
}

// -- looking at databases -----------------------------------------------------

tl::unexpected<error> no_store(const config& cfg) {
  return fail(errc::not_found, "there is no store " + cfg.path);
}

tl::unexpected<error> foreign(const config& cfg) {
  return fail(errc::invalid_argument,
              cfg.path
                + " is no store but an SQLite database of another "
                  "program; choose another file");
}

enum class content : uint8_t { nothing, store, foreign };

/// Looks at what makes a database a store.
/// @returns `unsupported` for a store of a newer format
expected<content> inspect(connection& conn, const config& cfg) {
  auto application = conn.integer_of("PRAGMA application_id");
  if (!application)
    return fail(application.error());
  if (*application != application_id) {
    auto tables = conn.integer_of("SELECT count(*) FROM sqlite_schema");
    if (!tables)
      return fail(tables.error());
    return *application == 0 && *tables == 0 ? content::nothing
                                             : content::foreign;
  }
  auto version = conn.integer_of("PRAGMA user_version");
  if (!version)
    return fail(version.error());
  if (*version != format)
    return fail(errc::unsupported, cfg.path + " has format "
                                     + std::to_string(*version)
                                     + "; this version of larder knows format "
                                     + std::to_string(format));
  return content::store;
}

expected<uuid> read_identity(connection& conn, const config& cfg) {
  auto text = conn.text_of("SELECT value FROM store WHERE name = 'id'");
  auto id = text ? uuid::parse(*text) : std::nullopt;
  if (id)
    return *id;
  if (text || text.error() == errc::internal) // no such table
    return fail(errc::corruption, cfg.path + " has no valid identity");
  return fail(text.error());
}

/// A database that was opened and looked at.
struct database {
  connection conn;
  bool log_was_empty;
  bool immutable;
};

bool is_on_read_only_medium(const std::string& path) {
  struct statvfs info {};
  return ::statvfs(path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

/// Opens the database if it is a store, without changing anything.
/// @returns nothing if there is no file or an empty database
expected<std::optional<database>> open_database(const config& cfg,
                                                content& found) {
  found = content::nothing;
  auto size = size_of(cfg.path);
  if (!size)
    return fail(size.error());
  if (size->value_or(0) == 0)
    return std::nullopt;
  if (auto ok = check_name(cfg); !ok)
    return fail(ok.error());
  auto log_was_empty = is_empty(cfg, "-wal");
  if (!log_was_empty)
    return fail(log_was_empty.error());
  // Where nothing can be written there can be no index of the log either, which
  // only those can do without who know that nothing will ever change.
  auto immutable = *log_was_empty && is_on_read_only_medium(cfg.path);
  auto conn = connection::open(cfg, 0, immutable);
  if (!conn)
    return fail(conn.error());
  if (!*log_was_empty)
    conn->keep_log_on_close(true);
  auto what = inspect(*conn, cfg);
  if (!what)
    return fail(what.error());
  found = *what;
  if (found == content::nothing)
    return std::nullopt;
  return database{std::move(*conn), *log_was_empty, immutable};
}

/// Like that, and says no to all but stores.
expected<database> must_open(const config& cfg) {
  auto found = content::nothing;
  auto result = open_database(cfg, found);
  if (!result)
    return fail(result.error());
  if (found == content::foreign)
    return foreign(cfg);
  if (!*result)
    return no_store(cfg);
  return std::move(**result);
}

expected<std::unique_ptr<backend>> make_open(const config& cfg, database db) {
  auto id = read_identity(db.conn, cfg);
  if (!id)
    return fail(id.error());
  if (db.conn.has_moved()) // destroyed, perhaps before it was locked
    return no_store(cfg);
  return make_backend(std::make_shared<state>(cfg, std::move(db.conn), *id,
                                              db.log_was_empty, db.immutable));
}

// -- creation -----------------------------------------------------------------

/// Refuses to create beside what SQLite would take for the new database's: it
/// would put old pages into it.
expected<void> check_no_logs(const config& cfg) {
  for (auto suffix : {"-wal", "-journal"}) {
    auto empty = is_empty(cfg, suffix);
    if (!empty)
      return fail(empty.error());
    if (*empty)
      continue;
    if (auto size = size_of(cfg.path); size && *size) // made in the meantime
      return fail(errc::already_exists, "there is " + cfg.path + " already");
    return fail(errc::invalid_argument,
                cfg.path + suffix + " is there without " + cfg.path
                  + ", with what was written last to a database that was "
                    "removed or moved: bring that back, or remove "
                  + cfg.path + suffix + " as well");
  }
  return {};
}

/// Refuses to create where something is.
expected<void> check_unused(const config& cfg) {
  auto found = content::nothing;
  auto existing = open_database(cfg, found);
  if (!existing && existing.error() == errc::corruption)
    return fail(errc::invalid_argument,
                "there is a file already: " + existing.error().message());
  if (!existing && existing.error() != errc::unsupported)
    return fail(existing.error());
  if (found == content::foreign)
    return foreign(cfg);
  if (!existing || *existing)
    return fail(errc::already_exists,
                "there is a store " + cfg.path + " already");
  auto size = size_of(cfg.path);
  if (size && *size)
    return fail(errc::invalid_argument,
                cfg.path + " is there and empty: remove it first");
  return check_no_logs(cfg);
}

/// Renames a file, but not over another.
/// @returns 0 or the errno
int rename_to_new(const char* from, const char* to) {
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS)
    return errno;
  // The file system cannot: for a moment there are two names.
  if (::link(from, to) != 0)
    return errno;
  ::unlink(from);
  return 0;
}

/// A database that is being made under a name of its own, so that nobody ever
/// finds half a store. Removed at the end.
class draft {
public:
  explicit draft(const config& cfg) : target_(cfg), cfg_(cfg) {
    cfg_.path += "." + to_string(uuid::random()) + ".new";
    cfg_.sync = false; // once, when it is complete
  }

  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;

  ~draft() {
    ::unlink(cfg_.path.c_str());
  }

  expected<void> make() {
    auto conn = connection::open(cfg_, SQLITE_OPEN_CREATE);
    if (!conn)
      return fail(conn.error());
    auto identity = "PRAGMA application_id=" + std::to_string(application_id)
                    + "; PRAGMA user_version=" + std::to_string(format)
                    + "; INSERT INTO store VALUES('id', '"
                    + to_string(uuid::random())
                    + "'), ('about', 'a store of larder; its documentation "
                      "describes the tables (sqlite-engine.md)')";
    for (auto statements : {"PRAGMA page_size=4096; PRAGMA journal_mode=MEMORY",
                            create_tables, identity.c_str()})
      if (auto ok = conn->execute(statements); !ok)
        return ok;
    auto mode = conn->text_of("PRAGMA journal_mode=WAL");
    if (!mode)
      return fail(mode.error());
    if (*mode != "wal")
      return fail(errc::unsupported,
                  target_.path + ": write-ahead logging is not possible here");
    return {};
  }

  expected<void> publish() {
    if (target_.sync) {
      file_ops ops;
      file_handle file; // nobody else knows it, and SQLite has closed it
      if (auto err = file.open(ops, cfg_.path, O_RDWR); err != 0)
        return fail(io_failure("open", cfg_.path, err));
      if (auto ok = file.sync(); !ok)
        return ok;
    }
    auto err = rename_to_new(cfg_.path.c_str(), target_.path.c_str());
    if (err == EEXIST)
      return fail(errc::already_exists,
                  "there is " + target_.path + " already");
    if (err != 0)
      return fail(io_failure("make", target_.path, err));
    return target_.sync ? sync_directory_of(target_.path) : expected<void>{};
  }

private:
  const config& target_;
  config cfg_;
};

} // namespace

expected<std::unique_ptr<backend>> create_store(const config& cfg) {
  if (auto ok = check_unused(cfg); !ok)
    return fail(ok.error());
  draft fresh{cfg};
  if (auto ok = fresh.make(); !ok)
    return fail(ok.error());
  if (auto ok = fresh.publish(); !ok)
    return fail(ok.error());
  return open_store(cfg);
}

expected<std::unique_ptr<backend>> open_store(const config& cfg) {
  auto db = must_open(cfg);
  if (!db)
    return fail(db.error());
  return make_open(cfg, std::move(*db));
}

expected<bool> store_exists(const config& cfg) {
  auto found = content::nothing;
  auto result = open_database(cfg, found);
  if (!result && result.error() == errc::unsupported)
    return true; // of another version
  if (!result)
    return fail(result.error());
  return found == content::store;
}

// -- destruction --------------------------------------------------------------

namespace {

/// Removes files for good: before anything that comes after.
expected<void> remove(const config& cfg,
                      std::initializer_list<const char*> suffixes) {
  auto removed = false;
  for (auto suffix : suffixes) {
    auto path = cfg.path + suffix;
    if (::unlink(path.c_str()) == 0)
      removed = true;
    else if (errno != ENOENT)
      return fail(io_failure("remove", path, errno));
  }
  return removed && cfg.sync ? sync_directory_of(cfg.path) : expected<void>{};
}

} // namespace

expected<void> destroy_store(const config& cfg) {
  auto impatient = cfg;
  impatient.busy_timeout = std::chrono::milliseconds{0};
  auto db = must_open(impatient);
  if (!db && db.error() != errc::unsupported)
    return fail(db.error());
  db = fail(errc::closed, {}); // closes it
  auto conn = connection::open(impatient);
  if (!conn)
    return fail(conn.error());
  conn->keep_log_on_close(true);
  // In this mode, whoever has read keeps everybody else out, and is kept out
  // by everybody who has the store open; also after the transaction.
  auto ok = conn->execute("PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE;"
                          "SELECT count(*) FROM store; COMMIT");
  if (!ok && ok.error() == errc::locked)
    return fail(errc::locked,
                cfg.path + " is open: it must be closed everywhere first");
  if (!ok)
    return ok;
  if (conn->has_moved())
    return no_store(cfg);
  // Whenever this is interrupted, there is the whole store or none, and no log
  // that lacks its database. If the log cannot be copied into the database (no
  // space, damage), so be it: it was to be lost anyway.
  std::ignore = sqlite3_wal_checkpoint_v2(
    conn->handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (auto gone = remove(cfg, {"-wal", "-shm", "-journal"}); !gone)
    return gone;
  if (auto gone = remove(cfg, {""}); !gone)
    return gone;
  return remove(cfg, {"-stages"});
}

} // namespace larder::detail::sqlite
