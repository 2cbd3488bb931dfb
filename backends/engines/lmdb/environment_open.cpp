// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "environment.hpp"
#include "failure.hpp"
#include "layout.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>

namespace larder::detail {

namespace {

// -- environments of this process ---------------------------------------------

/// A data file; process ids tell those of a forked child from its parent's.
struct file_id {
  dev_t device;
  ino_t inode;
  pid_t process;

  friend auto operator<=>(const file_id&, const file_id&) = default;
};

/// All environments that are open in this process.
struct open_files {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<file_id, std::weak_ptr<lmdb_environment>> files;

  static open_files& instance() {
    // Never destroyed: a store may be closed after main has returned.
    static auto* result = new open_files;
    return *result;
  }
};

// -- the first pages ----------------------------------------------------------

/// The start of a page with the facts on the file, as LMDB 0.9 writes it; see
/// MDB_page and MDB_meta in its source. Numbers are in the machine's order.
struct meta_page {
  uint64_t number;
  uint16_t pad;
  uint16_t flags;
  uint32_t unused;
  uint32_t magic;
  uint32_t version;
  uint64_t address;
  uint64_t map_size;
  uint32_t page_size;
};

constexpr uint32_t lmdb_magic = 0xBEEFC0DE;

tl::unexpected<error> truncated(const std::string& path, uint64_t size) {
  return fail(errc::corruption, path + " has been cut off: it has only "
                                  + std::to_string(size) + " bytes");
}

/// Looks at the data file in `dir`. Under another name, in another directory,
/// it would have other locks.
expected<struct stat> look_at(const std::string& dir) {
  auto path = dir + "/" + std::string{lmdb_environment::file};
  struct stat result {};
  if (::lstat(path.c_str(), &result) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(errc::not_found, "there is no store in " + dir);
    return fail(io_failure("look at", path, errno));
  }
  if (S_ISLNK(result.st_mode))
    return fail(errc::invalid_argument,
                path
                  + " is a symbolic link, behind which locks do not work; "
                    "open the directory that has the file, or link that");
  if (!S_ISREG(result.st_mode))
    return fail(errc::invalid_argument, path + " is not a file");
  if (result.st_nlink > 1)
    return fail(errc::invalid_argument,
                path
                  + " has another name (a hard link), under which locks do not "
                    "work; remove that name, or make a copy of the file");
  return result;
}

/// LMDB trusts the size of pages that a file tells; a wrong one is deadly.
expected<void> check_first_page(file_ops& ops, const std::string& path,
                                uint64_t size) {
  file_handle handle;
  if (auto err = handle.open(ops, path, O_RDONLY | O_NONBLOCK); err != 0)
    return fail(io_failure("open", path, err));
  auto start = handle.read(0, sizeof(meta_page));
  if (!start)
    return fail(start.error());
  if (start->size() < sizeof(meta_page))
    return truncated(path, size);
  meta_page meta{};
  std::memcpy(&meta, start->data(), sizeof(meta));
  if (meta.magic != lmdb_magic)
    return fail(errc::corruption,
                path + " is no LMDB file, or its first page is damaged");
  if (!std::has_single_bit(meta.page_size) || meta.page_size < 512
      || meta.page_size > (1u << 16))
    return fail(errc::corruption, "the first page of " + path + " is damaged");
  if (size < 2 * uint64_t{meta.page_size})
    return truncated(path, size);
  return {};
}

} // namespace

// -- opening ------------------------------------------------------------------

expected<void> lmdb_environment::check_size() {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  int fd = -1;
  mdb_env_get_fd(env_, &fd);
  struct stat found {};
  if (::fstat(fd, &found) != 0)
    return fail(failure("look at", errno));
  auto size = static_cast<uint64_t>(found.st_size);
  if (info.me_last_pgno >= size / stat.ms_psize)
    return truncated(path_, size);
  return {};
}

expected<void> lmdb_environment::check_identity() {
  auto reader = begin_read();
  if (!reader)
    return fail(reader.error());
  auto key = lmdb_identity::key();
  auto name = key.val();
  MDB_val data{};
  auto rc = mdb_get(reader->txn(), dbi, &name, &data);
  if (rc == MDB_NOTFOUND)
    return fail(errc::invalid_argument,
                path_ + " is an LMDB file of another program, not a store");
  if (rc != 0)
    return fail(failure("read", rc));
  auto content = lmdb_bytes(data);
  if (content.empty())
    return fail(failure("read", MDB_CORRUPTED));
  if (content[0] != std::byte{lmdb_identity::format})
    return fail(errc::unsupported,
                path_ + " has format "
                  + std::to_string(std::to_integer<int>(content[0]))
                  + "; this version of larder knows format "
                  + std::to_string(lmdb_identity::format));
  if (content.size() != 1 + id_.data.size())
    return fail(failure("read", MDB_CORRUPTED));
  std::copy(content.begin() + 1, content.end(), id_.data.begin());
  return {};
}

expected<void> lmdb_environment::open_checked() {
  if (auto ok = open_env(); !ok)
    return ok;
  if (auto ok = check_size(); !ok)
    return ok;
  return check_identity();
}

expected<std::unique_ptr<lmdb_environment>>
lmdb_environment::open_alone(const std::string& dir, file_ops& ops,
                             lmdb_lock lock) {
  auto info = look_at(dir);
  if (!info)
    return fail(info.error());
  auto path = dir + "/" + std::string{file};
  auto size = static_cast<uint64_t>(info->st_size);
  if (auto ok = check_first_page(ops, path, size); !ok)
    return fail(ok.error());
  std::unique_ptr<lmdb_environment> result{
    new lmdb_environment{path, std::move(lock), true}};
  if (auto ok = result->open_checked(); !ok && ok.error() != errc::unsupported)
    return fail(ok.error());
  return result;
}

expected<std::shared_ptr<lmdb_environment>>
lmdb_environment::open(const std::string& dir, std::shared_ptr<file_ops> ops) {
  auto path = dir + "/" + std::string{file};
  // Looked at before anything is made: a refusal leaves no trace.
  if (auto there = look_at(dir); !there)
    return fail(there.error());
  auto lock = lmdb_lock::acquire(ops, dir, lock_kind::shared);
  if (!lock)
    return fail(lock.error());
  auto info = look_at(dir);
  if (!info)
    return fail(info.error());
  file_id id{info->st_dev, info->st_ino, ::getpid()};
  auto& [mutex, closed, files] = open_files::instance();
  std::unique_lock guard{mutex};
  // One that nobody has any more, but that is not closed yet, is awaited.
  for (auto i = files.find(id); i != files.end(); i = files.find(id)) {
    if (auto result = i->second.lock())
      return result;
    closed.wait(guard);
  }
  auto size = static_cast<uint64_t>(info->st_size);
  if (auto ok = check_first_page(*ops, path, size); !ok)
    return fail(ok.error());
  auto close = [id](lmdb_environment* x) {
    auto& all = open_files::instance();
    std::lock_guard closing{all.mutex};
    delete x;
    all.files.erase(id);
    all.closed.notify_all();
  };
  std::unique_ptr<lmdb_environment> env{
    new lmdb_environment{path, std::move(*lock), false}};
  if (auto ok = env->open_checked(); !ok)
    return fail(ok.error());
  env->free_dead_readers();
  std::shared_ptr<lmdb_environment> result{env.release(), close};
  files.emplace(id, result);
  return result;
}

// -- the lock file ------------------------------------------------------------

namespace {

/// What LMDB makes of its lock file: lines of 64 bytes, one per slot and a few
/// for itself; some of them more do no harm.
constexpr uint64_t lock_file_size
  = (uint64_t{lmdb_environment::max_readers} + 15) * 64;

/// Gives the blocks to a file that nobody uses yet where the file system cannot
/// do it by itself.
int write_zeros(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0)
    return errno;
  std::array<char, 4096> zeros{};
  for (off_t at = found.st_size; at < off_t{lock_file_size};) {
    auto size
      = std::min<size_t>(zeros.size(), size_t(lock_file_size) - size_t(at));
    auto written = ::pwrite(fd, zeros.data(), size, at);
    if (written < 0 && errno != EINTR)
      return errno;
    at += std::max<ssize_t>(written, 0);
  }
  return 0;
}

} // namespace

expected<void> lmdb_environment::allocate_lock_file(const std::string& dir) {
  auto path = dir + "/" + std::string{lock_file};
  file_ops ops;
  file_handle file;
  if (auto err = file.open(ops, path, O_RDWR | O_CREAT | O_NONBLOCK); err != 0)
    return fail(io_failure("open", path, err));
  // Leaves the size to LMDB, which tells by it how many slots there are.
  int err = 0;
  do {
    err = ::fallocate(file.fd(), FALLOC_FL_KEEP_SIZE, 0, lock_file_size) == 0
            ? 0
            : errno;
  } while (err == EINTR);
  if (err == EOPNOTSUPP || err == ENOSYS)
    err = write_zeros(file.fd());
  if (err == 0)
    return {};
  return fail(errc::io_error,
              io_failure("make room for", path, err).message()
                + "; LMDB must have it: make room on the medium");
}

// -- making -------------------------------------------------------------------

expected<void> lmdb_environment::make(const std::string& path, const uuid& id,
                                      file_ops& ops) {
  std::unique_ptr<MDB_env, decltype(&mdb_env_close)> env{nullptr,
                                                         &mdb_env_close};
  MDB_env* raw = nullptr;
  auto rc = mdb_env_create(&raw);
  env.reset(raw);
  if (rc == 0)
    rc = mdb_env_set_mapsize(raw, initial_size);
  if (rc == 0)
    rc = mdb_env_open(raw, path.c_str(), MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK,
                      0666);
  MDB_txn* txn = nullptr;
  if (rc == 0)
    rc = mdb_txn_begin(raw, nullptr, 0, &txn);
  auto handle = dbi;
  if (rc == 0)
    rc = mdb_dbi_open(txn, nullptr, 0, &handle);
  if (rc == 0) {
    auto key = lmdb_identity::key();
    auto name = key.val();
    auto content = lmdb_identity::print(id);
    MDB_val data{content.size(), content.data()};
    rc = mdb_put(txn, dbi, &name, &data, 0);
  }
  if (rc == 0)
    rc = mdb_txn_commit(txn);
  else if (txn != nullptr)
    mdb_txn_abort(txn);
  env.reset();
  if (rc != 0)
    return fail(lmdb_failure("make", path, rc));
  if (::truncate(path.c_str(), initial_size) != 0)
    return fail(lmdb_failure("extend", path, errno));
  file_handle handle_of_file;
  if (auto err = handle_of_file.open(ops, path, O_RDWR); err != 0)
    return fail(io_failure("open", path, err));
  return handle_of_file.sync();
}

} // namespace larder::detail
