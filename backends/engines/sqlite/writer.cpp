// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "writer.hpp"

#include "schema.hpp"

#include "larder/detail/file/handle.hpp"

#include <algorithm>
#include <tuple>

namespace larder::detail::sqlite {

namespace {

/// How many pages the log has before it is copied into the database: 16 MiB.
constexpr int checkpoint_pages = 4096;

/// How many chunks are deleted in one transaction, so that others can write in
/// between: 16 MiB.
constexpr int64_t slice_chunks = 256;

/// Codes that a failed commit can have although nothing of it will ever be
/// seen: it did not come as far as syncing.
bool changed_nothing(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return true;
    default:
      return code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_NOMEM;
  }
}

} // namespace

writer::writer(const config& cfg, connection conn, bool log_was_empty)
  : config_(cfg),
    log_was_empty_(log_was_empty),
    checkpoint_at_(checkpoint_pages),
    stages_(cfg.path),
    conn_(std::move(conn)) {
  // Instead of SQLite's own checkpoints, which ignore failed syncs.
  sqlite3_wal_hook(conn_.handle(), on_commit, this);
}

// -- transactions -------------------------------------------------------------

expected<void> writer::begin(bool durable) {
  rollback(); // what an exception has left
  found_full_ = false;
  if (broken_)
    return fail(*broken_);
  if (conn_.is_read_only())
    return fail(conn_.failure(SQLITE_READONLY));
  if (!settled_) {
    if (auto ok = settle(); !ok)
      return ok;
    settled_ = true;
  }
  if (durable != durable_ && config_.sync) {
    // NORMAL syncs before and after checkpoints only.
    auto ok = conn_.execute(durable ? "PRAGMA synchronous=EXTRA"
                                    : "PRAGMA synchronous=NORMAL");
    if (!ok)
      return ok;
    durable_ = durable;
  }
  if (auto ok = query{conn_, sql::begin_write}.run(); !ok)
    return ok;
  if (!conn_.has_moved())
    return {};
  rollback();
  return fail(conn_.failure(SQLITE_READONLY_DBMOVED));
}

expected<void> writer::commit() {
  query end{conn_, sql::commit};
  if (auto ok = end.run(); !ok) {
    auto problem = failed(end, ok.error());
    if (!changed_nothing(end.code()))
      problem = break_down({problem.code(), problem.message(), true});
    return fail(problem);
  }
  commits_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void writer::rollback() noexcept {
  if (conn_.in_transaction())
    std::ignore = query{conn_, sql::rollback}.run();
}

error writer::failed(const query& x, error problem) {
  found_full_ = found_full_ || (x.code() & 0xFF) == SQLITE_FULL;
  return is_failed_sync(x.code()) ? break_down(std::move(problem)) : problem;
}

/// The kernel may have dropped what it could not write, so that another sync
/// would succeed and mean nothing.
error writer::break_down(error problem) {
  broken_ = error{errc::io_error,
                  config_.path
                    + ": nothing more is written, as a sync failed: reopen the "
                      "store (the failure was: "
                    + problem.message() + ")"};
  return problem;
}

// -- the first write ----------------------------------------------------------

expected<void> writer::settle() {
  // It is so already unless somebody has changed it by hand.
  auto mode = conn_.text_of("PRAGMA journal_mode=WAL");
  if (!mode)
    return fail(mode.error());
  if (*mode != "wal")
    return fail(errc::unsupported,
                config_.path + ": write-ahead logging is not possible here");
  if (config_.sync)
    if (auto ok = sync_log_name(); !ok)
      return ok;
  if (!log_was_empty_) {
    // Its writer may have died of a failed sync. What is in there must not be
    // relied on by commits that follow it in the log.
    checkpoint();
    if (broken_)
      return fail(*broken_);
  }
  return find_orphans();
}

/// Makes the name of the log durable. SQLite does so as well, but ignores
/// failures. The log stays as long as this connection is open.
expected<void> writer::sync_log_name() {
  file_ops ops;
  if (auto ok = sync_directory(ops, parent_of(config_.path)); !ok)
    return fail(break_down(ok.error()));
  return {};
}

/// Hands what dead writers were writing over to `tidy`.
expected<void> writer::find_orphans() {
  std::vector<std::pair<int64_t, int64_t>> orphans;
  {
    query loose{conn_, sql::list_loose};
    for (;;) {
      auto found = loose.next();
      if (!found)
        return fail(found.error());
      if (!*found)
        break;
      if (!stages_.is_alive(loose.integer(1)))
        orphans.emplace_back(loose.integer(0), loose.integer(1));
    }
  }
  for (auto [first, owner] : orphans)
    if (auto ok = disown(first, owner); !ok)
      return ok;
  return {};
}

expected<void> writer::disown(int64_t first, int64_t owner) {
  query free{conn_, sql::free_loose};
  if (auto ok = free.bind(first).bind(owner).run(); !ok)
    return fail(failed(free, ok.error()));
  has_garbage_ = true;
  return {};
}

// -- afterwards ---------------------------------------------------------------

int writer::on_commit(void* self, sqlite3*, const char*, int pages) noexcept {
  static_cast<writer*>(self)->log_pages_ = pages;
  return SQLITE_OK;
}

bool writer::make_room() {
  return found_full_ && !broken_ && checkpoint();
}

void writer::tidy() {
  while (has_garbage_ || !discarded_.empty()) {
    auto ok = delete_some();
    rollback();
    if (!ok)
      break; // somebody will do it later
  }
  if (log_pages_ >= checkpoint_at_ && !broken_)
    checkpoint();
}

expected<void> writer::delete_some() {
  if (auto ok = begin(false); !ok)
    return ok;
  for (auto first : discarded_)
    if (auto ok = disown(first, stages_.owner()); !ok)
      return ok;
  auto more = delete_slice();
  if (!more)
    return fail(more.error());
  if (auto ok = commit(); !ok)
    return ok;
  discarded_.clear();
  has_garbage_ = *more;
  return {};
}

/// @returns whether there may be more to delete
expected<bool> writer::delete_slice() {
  int64_t first = 0;
  {
    query find{conn_, sql::find_garbage};
    auto found = find.next();
    if (!found || !*found)
      return found;
    first = find.integer(0);
  }
  int64_t end = 0;
  {
    query find{conn_, sql::end_of_chunks};
    if (auto found = find.bind(first).bind(first + max_chunks).next(); !found)
      return found;
    end = find.integer(0); // NULL is 0
  }
  auto begin = std::max(first, end - slice_chunks);
  if (begin < end) {
    query drop{conn_, sql::drop_chunks};
    if (auto ok = drop.bind(begin).bind(end).run(); !ok)
      return fail(failed(drop, ok.error()));
  }
  if (begin == first) {
    query drop{conn_, sql::drop_loose};
    if (auto ok = drop.bind(first).bind(no_owner).run(); !ok)
      return fail(failed(drop, ok.error()));
  }
  return true;
}

/// @returns whether the whole log is in the database now
bool writer::checkpoint() {
  auto pages = 0;
  auto copied = 0;
  auto code = sqlite3_wal_checkpoint_v2(
    conn_.handle(), "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  if (code == SQLITE_OK)
    checkpoints_.fetch_add(1, std::memory_order_relaxed);
  if (is_failed_sync(code))
    break_down(conn_.failure(code));
  // What could not be copied, as somebody reads an old state or it failed, is
  // still in the log: try again when that has grown further.
  auto complete = code == SQLITE_OK && copied == pages;
  checkpoint_at_ = checkpoint_pages + (complete ? 0 : log_pages_);
  log_pages_ = 0; // the next commit tells
  return complete;
}

// -- chunks -------------------------------------------------------------------

expected<int64_t> writer::reserve_chunks() {
  int64_t last = 0;
  for (auto which : {sql::last_chunk, sql::last_loose}) {
    query find{conn_, which};
    if (auto found = find.next(); !found)
      return fail(found.error());
    last = std::max(last, find.integer(0)); // NULL is 0
  }
  auto result = last / max_chunks + 1;
  if (result >= std::numeric_limits<int64_t>::max() / max_chunks)
    return fail(errc::limit_exceeded,
                config_.path + ": the numbers for chunks are used up");
  return result * max_chunks;
}

expected<void> writer::put_chunks(int64_t first, bytes_view data) {
  while (!data.empty()) {
    auto part = data.first(std::min<uint64_t>(data.size(), chunk_size));
    query put{conn_, sql::put_chunk};
    if (auto ok = put.bind(first++).bind(part).run(); !ok)
      return fail(failed(put, ok.error()));
    data = data.subspan(part.size());
  }
  return {};
}

expected<void> writer::loosen_chunks(int64_t first) {
  query put{conn_, sql::put_loose};
  if (auto ok = put.bind(first).bind(no_owner).run(); !ok)
    return fail(failed(put, ok.error()));
  has_garbage_ = true; // looked up when it is deleted
  return {};
}

expected<void> writer::own_chunks(int64_t first) {
  if (auto ok = stages_.hold(); !ok)
    return ok;
  query put{conn_, sql::put_loose};
  if (auto ok = put.bind(first).bind(stages_.owner()).run(); !ok)
    return fail(failed(put, ok.error()));
  return {};
}

expected<void> writer::adopt_chunks(int64_t first) {
  query drop{conn_, sql::drop_loose};
  if (auto ok = drop.bind(first).bind(stages_.owner()).run(); !ok)
    return fail(failed(drop, ok.error()));
  if (sqlite3_changes(conn_.handle()) == 1)
    return {};
  return fail(errc::io_error,
              config_.path
                + ": the chunks of a staged blob are gone; was the "
                  "file \""
                + config_.path + "-stages\" removed?");
}

void writer::discard_chunks(int64_t first) {
  discarded_.push_back(first);
  tidy();
}

} // namespace larder::detail::sqlite
