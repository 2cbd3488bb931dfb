// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "environment.hpp"

#include "failure.hpp"
#include "layout.hpp"
#include "stage.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <tuple>

namespace larder::detail {

namespace {

/// Growth: doubling, and from here on by so much.
constexpr uint64_t max_step = uint64_t{1} << 30;

bool is_full(const std::string& path) {
  struct statvfs medium {};
  return ::statvfs(path.c_str(), &medium) == 0
         && medium.f_bavail * medium.f_frsize < (uint64_t{1} << 20);
}

/// Whether there is address space for a file, so that a larger map for it that
/// there is none for is most likely nonsense.
bool can_be_mapped(const std::string& path) {
  file_ops ops;
  file_handle file;
  if (file.open(ops, path, O_RDONLY) != 0)
    return false;
  auto info = file.status();
  if (!info)
    return false;
  auto size = static_cast<size_t>(info->st_size);
  auto* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  return map != MAP_FAILED && ::munmap(map, size) == 0;
}

uint64_t rounded_up(uint64_t x, uint64_t unit) {
  return (x + unit - 1) / unit * unit;
}

int call(const lmdb_environment::write_fn& f, MDB_txn* txn) {
  try {
    return f(txn);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

} // namespace

// -- lmdb_reader --------------------------------------------------------------

lmdb_reader::~lmdb_reader() {
  if (env_ != nullptr)
    env_->end_read(txn_);
}

// -- opening and closing ------------------------------------------------------

lmdb_environment::lmdb_environment(std::string path, lmdb_lock lock, bool alone)
  : path_(std::move(path)),
    lock_(std::move(lock)),
    pid_(::getpid()),
    alone_(alone) {
  // nop
}

lmdb_environment::~lmdb_environment() {
  if (pid_ != ::getpid() || env_ == nullptr)
    return; // after a fork it is the parent's
  auto guard = lock_.hold(lmdb_lock::opening_byte); // best effort
  gate_.drop_idle();
  mdb_env_close(env_);
}

error lmdb_environment::failure(std::string_view verb, int rc) const {
  return lmdb_failure(verb, path_, rc);
}

expected<void> lmdb_environment::open_env() {
  auto guard = lock_.hold(lmdb_lock::opening_byte);
  if (!guard)
    return fail(guard.error());
  if (!lock_.read_only() && !alone_)
    if (auto ok = allocate_lock_file(parent_of(path_)); !ok)
      return ok;
  auto rc = mdb_env_create(&env_);
  if (rc == 0)
    rc = mdb_env_set_maxreaders(env_, max_readers);
  unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
  if (lock_.read_only() || alone_)
    flags |= MDB_RDONLY;
  if (alone_)
    flags |= MDB_NOLOCK;
  if (rc == 0)
    rc = mdb_env_open(env_, path_.c_str(), flags, 0666);
  if (rc == 0) {
    MDB_txn* txn = nullptr;
    rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
    if (rc == 0) {
      auto handle = dbi; // of the database without name, always the same
      rc = mdb_dbi_open(txn, nullptr, 0, &handle);
      mdb_txn_abort(txn);
    }
  }
  if (rc == 0)
    return {};
  mdb_env_close(env_);
  env_ = nullptr;
  if ((rc == ENOMEM || rc == EINVAL) && can_be_mapped(path_))
    return fail(errc::corruption,
                "cannot open " + path_
                  + ": its first pages ask for a map that cannot be; they are "
                    "damaged, or this process may use too little address "
                    "space");
  return fail(failure("open", rc));
}

void lmdb_environment::reopen_env() {
  gate_.close();
  gate_.drop_idle();
  end_moments();
  if (env_ != nullptr)
    mdb_env_close(env_);
  env_ = nullptr;
  std::ignore = open_env(); // readers find out
  gate_.reopen();
}

// -- reading ------------------------------------------------------------------

expected<lmdb_reader> lmdb_environment::begin_read() {
  for (;;) {
    auto* txn = gate_.enter();
    auto rc = env_ == nullptr  ? MDB_PANIC
              : txn != nullptr ? mdb_txn_renew(txn)
                               : mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
    if (rc == 0)
      return lmdb_reader{*this, txn};
    auto again = rc == MDB_BAD_RSLOT
                 || (rc == MDB_READERS_FULL && free_dead_readers());
    // One that was not begun is null still. One whose slot is lost must not
    // touch it any more: it is left alone.
    gate_.leave(rc == MDB_BAD_RSLOT ? nullptr : txn);
    if (again)
      continue;
    if (rc == MDB_MAP_RESIZED)
      rc = follow_map_size();
    if (rc != 0)
      return fail(failure("read", rc));
  }
}

void lmdb_environment::end_read(MDB_txn* txn) {
  mdb_txn_reset(txn);
  gate_.leave(txn);
}

bool lmdb_environment::free_dead_readers() {
  int dead = 0;
  return mdb_reader_check(env_, &dead) == 0 && dead > 0;
}

// -- writing ------------------------------------------------------------------

expected<void> lmdb_environment::check_writable() const {
  if (pid_ != ::getpid())
    return fail(errc::closed, path_
                                + " was opened before this process was "
                                  "forked; open the store again here");
  if (lock_.read_only())
    return fail(errc::io_error,
                "cannot write " + path_ + ": the medium is read-only");
  if (refusal_)
    return fail(errc::io_error,
                path_ + " is not written any more because " + *refusal_
                  + "; close the store everywhere in this process and open "
                    "it again");
  return {};
}

expected<void> lmdb_environment::write(const lmdb_write_options& options,
                                       const write_fn& f) {
  std::lock_guard guard{writing_};
  if (!prepared_) {
    if (auto ok = prepare(); !ok)
      return ok;
    prepared_ = true;
  }
  return try_write(options, f);
}

expected<void> lmdb_environment::try_write(const lmdb_write_options& options,
                                           const write_fn& f) {
  for (;;) {
    if (auto ok = check_writable(); !ok)
      return ok;
    MDB_txn* txn = nullptr;
    auto rc = begin_write(txn);
    if (rc != 0)
      return fail(failure("write", rc));
    rc = call(f, txn);
    if (rc == 0) {
      // Another opener in this process may want it otherwise.
      mdb_env_set_flags(env_, MDB_NOSYNC, options.sync ? 0 : 1);
      rc = mdb_txn_commit(txn);
      if (rc == 0)
        return {};
      if (rc != MDB_MAP_FULL)
        return fail(commit_failure(rc));
    } else {
      mdb_txn_abort(txn);
      if (rc != MDB_MAP_FULL)
        return fail(failure("write", rc));
    }
    // Pages that only a dead reader or a snapshot needs may be room enough;
    // growing would end snapshots, too.
    if (free_dead_readers() || end_moments())
      continue;
    auto ok = grow(options);
    if (!ok && ok.error() == errc::limit_exceeded && free_last_pages(options))
      continue;
    if (!ok)
      return ok;
  }
}

/// LMDB does not use the pages that the last transaction has freed: another one
/// has to come first. This one changes nothing.
/// @returns whether there was one, so that trying again may help
bool lmdb_environment::free_last_pages(lmdb_write_options options) {
  auto last = [this] {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    return uint64_t{info.me_last_txnid};
  };
  if (last() == freeing_)
    return false;
  freeing_ = last();
  options.reserve = initial_size;
  options.size_hint = 0;
  auto ok = try_write(options, [](MDB_txn* txn) {
    auto key = lmdb_identity::key();
    auto name = key.val();
    MDB_val data{};
    if (auto rc = mdb_get(txn, dbi, &name, &data); rc != 0)
      return rc;
    auto copy = to_bytes(lmdb_bytes(data));
    data.mv_data = copy.data();
    return mdb_put(txn, dbi, &name, &data, 0);
  });
  if (ok)
    freeing_ = last();
  return ok.has_value();
}

int lmdb_environment::begin_write(MDB_txn*& txn) {
  if (env_ == nullptr)
    return MDB_PANIC;
  auto rc = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (rc != MDB_MAP_RESIZED)
    return rc;
  rc = set_map_size(0);
  return rc == 0 ? mdb_txn_begin(env_, nullptr, 0, &txn) : rc;
}

/// Does what the first write of an opened store does. The file may be a copy
/// that is shorter than the map.
expected<void> lmdb_environment::prepare() {
  if (auto ok = check_writable(); !ok)
    return ok;
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  if (auto ok = extend_file(info.me_mapsize); !ok)
    return ok;
  sweep();
  return {};
}

/// LMDB writes its pages where nothing is that anybody needs, syncs them, and
/// then writes (synced) the page that makes them count. As long as that one has
/// not been tried, a failure has changed nothing; if it failed, LMDB gives up
/// the environment.
error lmdb_environment::commit_failure(int rc) {
  MDB_txn* txn = nullptr;
  auto lost = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn) == MDB_PANIC;
  if (txn != nullptr)
    mdb_txn_abort(txn);
  auto reason = failure("write", rc);
  // LMDB makes EIO of a write that the medium could not take wholly. Both
  // may also come of a sync.
  if (!lost && (rc == EIO || rc == ENOSPC) && is_full(path_))
    return failure("write", ENOSPC);
  if (!lost && (rc < 0 || rc == ENOMEM || rc == EDQUOT || rc == EFBIG))
    return reason;
  refusal_ = "a commit failed (" + reason.message() + ")";
  if (lost)
    reopen_env(); // so that reading goes on
  return {errc::io_error, reason.message(), true};
}

// -- growth -------------------------------------------------------------------

int lmdb_environment::set_map_size(size_t size) {
  gate_.close();
  end_moments();
  auto rc = mdb_env_set_mapsize(env_, size);
  gate_.reopen();
  // The old map is gone: without a new one nothing works.
  if (rc != 0 && rc != EINVAL)
    reopen_env();
  return rc;
}

/// Takes over the size that another process has given the map.
int lmdb_environment::follow_map_size() {
  std::lock_guard guard{writing_};
  return env_ == nullptr ? MDB_PANIC : set_map_size(0);
}

expected<void> lmdb_environment::grow(const lmdb_write_options& options) {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  uint64_t size = info.me_mapsize;
  auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  auto wanted = rounded_up(
    size + std::max(std::min(size, max_step), options.size_hint), page);
  auto most = options.max_size + options.reserve;
  if (options.max_size != 0 && wanted > most) {
    wanted = most / page * page;
    if (wanted <= size)
      return fail(errc::limit_exceeded,
                  path_ + " is full (option max-size); raise it or erase keys");
  }
  if (auto ok = extend_file(wanted); !ok)
    return ok;
  if (auto rc = set_map_size(wanted); rc != 0)
    return fail(failure("map", rc));
  return {};
}

/// The file is always as long as the map, with holes where nothing was written
/// yet. So one that has been cut off can be told when it is opened; LMDB would
/// not notice, and who reads a map past the file's end is killed by SIGBUS.
expected<void> lmdb_environment::extend_file(uint64_t size) {
  auto guard = lock_.hold(lmdb_lock::growing_byte);
  if (!guard)
    return fail(guard.error());
  int fd = -1;
  mdb_env_get_fd(env_, &fd);
  struct stat found {};
  if (::fstat(fd, &found) != 0)
    return fail(failure("look at", errno));
  if (static_cast<uint64_t>(found.st_size) >= size)
    return {};
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0)
    return fail(failure("extend", errno));
  if (::fsync(fd) != 0) {
    auto reason = failure("sync", errno);
    refusal_ = "a sync failed (" + reason.message() + ")";
    return fail(std::move(reason));
  }
  return {};
}

// -- staging ------------------------------------------------------------------

uint64_t lmdb_environment::owner() {
  if (owner_ == 0)
    owner_ = lock_.become_owner().value_or(0);
  return owner_;
}

void lmdb_environment::sweep() {
  auto is_dead = [this](uint64_t x) {
    auto lives = lock_.lives(x);
    return x != owner_ && lives && !*lives;
  };
  // What fails is left for the next one who opens the store.
  for (auto more = true; more;) {
    auto ok = try_write(
      {}, [&](MDB_txn* txn) { return lmdb_sweep_orphan(txn, is_dead, more); });
    more = more && ok;
  }
}

// -- figures ------------------------------------------------------------------

std::vector<engine_figure> lmdb_environment::figures() {
  auto reader = begin_read(); // the map stays
  if (!reader)
    return {};
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  uint64_t used = 2; // pages, those of LMDB itself
  uint64_t page = 0;
  for (MDB_dbi x = 0; x <= dbi; ++x) { // the list of free pages and ours
    MDB_stat stat{};
    if (mdb_stat(reader->txn(), x, &stat) != 0)
      return {};
    used += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    page = stat.ms_psize;
  }
  uint64_t all = info.me_last_pgno + 1;
  std::vector<engine_figure> result{
    {"map-bytes", info.me_mapsize},
    {"used-bytes", used * page},
    {"reusable-bytes", all > used ? (all - used) * page : 0},
    {"reader-slots", info.me_numreaders},
    {"stages", stages.load(std::memory_order_relaxed)}};
  struct statvfs medium {};
  if (::statvfs(path_.c_str(), &medium) == 0)
    result.push_back({"free-bytes", medium.f_bavail * medium.f_frsize});
  return result;
}

} // namespace larder::detail
