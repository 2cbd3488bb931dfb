// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/faults/injector.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

// The calls are made as the kernel has them: the names of the C library are the
// interposer's.

namespace trials {

using larder::bytes;

namespace {

constexpr std::array<std::string_view, 4> fault_names{"EIO", "ENOSPC", "EINTR",
                                                      "short"};

int errno_of(fault_kind what) {
  switch (what) {
    case fault_kind::no_space:
      return ENOSPC;
    case fault_kind::interrupted:
      return EINTR;
    default:
      return EIO;
  }
}

bool changes(call_kind call) {
  switch (call) {
    case call_kind::open:
    case call_kind::read:
    case call_kind::map:
      return false;
    default:
      return true;
  }
}

std::optional<struct stat> status_of(int fd) {
  struct stat result {};
  if (::syscall(SYS_fstat, fd, &result) != 0)
    return std::nullopt;
  return result;
}

bool exists(const std::string& path) {
  return ::syscall(SYS_faccessat, AT_FDCWD, path.c_str(), F_OK, 0) == 0;
}

int open_raw(const char* path, int flags) {
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, 0));
}

} // namespace

bool applies(fault_kind what, call_kind call) {
  switch (what) {
    case fault_kind::io_error:
      return true;
    case fault_kind::no_space:
      return changes(call) && call != call_kind::unlink;
    case fault_kind::interrupted:
      return call == call_kind::open || call == call_kind::create
             || call == call_kind::read || call == call_kind::write
             || call == call_kind::sync || call == call_kind::truncate;
    case fault_kind::short_write:
      return call == call_kind::write;
  }
  return false;
}

std::string to_string(const fault_plan& x) {
  return std::to_string(x.at) + ":"
         + std::string{fault_names[static_cast<size_t>(x.what)]}
         + (x.for_ever ? ":ever" : ":once");
}

std::optional<fault_plan> parse_plan(std::string_view str) {
  fault_plan result;
  auto [end, err]
    = std::from_chars(str.data(), str.data() + str.size(), result.at);
  auto rest = str.substr(static_cast<size_t>(end - str.data()));
  for (size_t i = 0; i < fault_names.size() && err == std::errc{}; ++i)
    for (auto for_ever : {false, true}) {
      result.what = static_cast<fault_kind>(i);
      result.for_ever = for_ever;
      if (to_string(result).ends_with(rest) && rest.starts_with(':'))
        return result;
    }
  return std::nullopt;
}

injector& injector::instance() {
  // Never destroyed: threads of engines may outlive main.
  static auto* result = new injector;
  return *result;
}

// -- control ------------------------------------------------------------------

void injector::watch(std::string root, std::optional<fault_plan> plan) {
  std::lock_guard guard{mutex_};
  root_ = std::move(root);
  counting_ = true;
  plan_ = plan;
  first_.reset();
  first_path_.clear();
  calls_.clear();
  fired_ = 0;
  violations_.clear();
  open_.clear();
  files_.clear();
}

void injector::end_faults() {
  std::lock_guard guard{mutex_};
  counting_ = false;
}

void injector::lose() {
  std::lock_guard guard{mutex_};
  for (auto& [id, x] : files_)
    if (!x.data.lost().empty())
      write_back(x, id);
  files_.clear();
}

void injector::write_back(const file_state& x, const identity& id) {
  auto fd = open_raw(x.path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return; // removed
  if (auto info = status_of(fd);
      info && identity{info->st_dev, info->st_ino} == id)
    for (auto& [offset, data] : x.data.lost())
      if (::syscall(SYS_pwrite64, fd, data.data(), data.size(), offset)
          != static_cast<long>(data.size()))
        violations_.push_back({"crash", "cannot change " + x.path});
  ::syscall(SYS_close, fd);
}

std::vector<call_kind> injector::calls() const {
  std::lock_guard guard{mutex_};
  return calls_;
}

std::string injector::first_failure() const {
  static constexpr const char* names[]
    = {"open", "create", "read",   "map",    "write",
       "sync", "resize", "rename", "unlink", "mkdir"};
  std::lock_guard guard{mutex_};
  return first_ ? std::string{names[static_cast<size_t>(*first_)]} + " "
                    + first_path_.substr(root_.size())
                : "nothing";
}

uint64_t injector::fired() const {
  std::lock_guard guard{mutex_};
  return fired_;
}

violations injector::take_violations() {
  std::lock_guard guard{mutex_};
  return std::exchange(violations_, {});
}

std::vector<std::string> injector::open_files() const {
  std::lock_guard guard{mutex_};
  std::vector<std::string> result;
  for (auto& [fd, x] : open_)
    result.push_back(x.path);
  return result;
}

// -- deciding -----------------------------------------------------------------

bool injector::is_watched(const std::string& path) const {
  return !root_.empty() && path.starts_with(root_);
}

const injector::open_file* injector::find(int fd) const {
  auto i = open_.find(fd);
  return i == open_.end() ? nullptr : &i->second;
}

std::string injector::path_of(int dir, const char* path) const {
  if (*path != '/')
    if (auto* parent = find(dir))
      return parent->path + "/" + path;
  return path;
}

/// Returns whether a call of this kind fails after the first that did.
bool injector::concerns(call_kind what) const {
  // A full disk can sync what it has room for.
  auto is_other_sync = plan_->what == fault_kind::no_space
                       && what == call_kind::sync && first_ != what;
  return applies(plan_->what, what) && changes(what) == changes(*first_)
         && !is_other_sync;
}

injector::verdict injector::judge(call_kind what, const std::string& path,
                                  size_t size) {
  if (!counting_)
    return verdict::happens;
  auto number = calls_.size();
  calls_.push_back(what);
  if (!plan_ || number < plan_->at)
    return verdict::happens;
  if (number == plan_->at) {
    // What cannot fail as planned (the number of calls may vary) fails anyhow.
    if (!applies(plan_->what, what))
      plan_->what = fault_kind::io_error;
    first_ = what;
    first_path_ = path;
  } else if (!plan_->for_ever || !concerns(what)) {
    return verdict::happens;
  }
  if (plan_->what == fault_kind::short_write && size < 2)
    return verdict::happens;
  ++fired_;
  if (plan_->what == fault_kind::short_write)
    return verdict::is_short;
  errno = errno_of(plan_->what);
  return verdict::fails;
}

bool injector::fails(call_kind what, const std::string& path) {
  return judge(what, path) == verdict::fails;
}

bool injector::fails(call_kind what, int fd) {
  auto* file = find(fd);
  return file && fails(what, file->path);
}

/// The name stands for nothing any more, and its file has no other.
void injector::forget(const std::string& path) {
  std::erase_if(files_, [&](auto& x) { return x.second.path == path; });
}

// -- calls --------------------------------------------------------------------

int injector::open(int dir, const char* path, int flags, mode_t mode) {
  std::lock_guard guard{mutex_};
  auto name = path_of(dir, path);
  auto watched = is_watched(name) && (flags & O_PATH) == 0;
  auto existed = !watched || exists(name);
  if (watched) {
    auto creates = (flags & O_TRUNC) != 0
                   || ((flags & O_CREAT) != 0 && !existed);
    if (fails(creates ? call_kind::create : call_kind::open, name))
      return -1;
  }
  auto fd = static_cast<int>(::syscall(SYS_openat, dir, path, flags, mode));
  if (fd < 0 || !watched)
    return fd;
  auto info = status_of(fd);
  if (!info)
    return fd;
  identity id{info->st_dev, info->st_ino};
  if (!existed)
    files_.erase(id); // the kernel reuses numbers
  if ((flags & O_TRUNC) != 0)
    files_[id].data.truncate(0);
  open_[fd] = {name, id, S_ISDIR(info->st_mode), (flags & O_DSYNC) != 0};
  return fd;
}

void injector::closed(int fd) {
  std::lock_guard guard{mutex_};
  open_.erase(fd);
}

int injector::close(int fd) {
  std::lock_guard guard{mutex_};
  open_.erase(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}

ssize_t injector::read(int fd, void* data, size_t size,
                       std::optional<off_t> offset) {
  {
    std::lock_guard guard{mutex_};
    if (fails(call_kind::read, fd))
      return -1;
  }
  return offset ? ::syscall(SYS_pread64, fd, data, size, *offset)
                : ::syscall(SYS_read, fd, data, size);
}

ssize_t injector::write(int fd, const void* data, size_t size,
                        std::optional<off_t> offset) {
  auto make = [&] {
    return offset ? ::syscall(SYS_pwrite64, fd, data, size, *offset)
                  : ::syscall(SYS_write, fd, data, size);
  };
  std::unique_lock guard{mutex_};
  auto* file = find(fd);
  if (!file) {
    guard.unlock(); // a pipe may be full
    return make();
  }
  auto what = judge(call_kind::write, file->path, size);
  if (what == verdict::fails)
    return -1;
  if (what == verdict::is_short)
    size /= 2;
  if (!file->syncs_itself) {
    auto appends = (::syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) != 0;
    auto at = offset
                ? *offset
                : ::syscall(SYS_lseek, fd, 0, appends ? SEEK_END : SEEK_CUR);
    bytes old(size);
    auto n = ::syscall(SYS_pread64, fd, old.data(), size, at);
    old.resize(n > 0 ? static_cast<size_t>(n) : 0);
    auto& state = files_[file->id];
    state.path = file->path;
    state.data.write(static_cast<uint64_t>(at), size, old);
  }
  return make();
}

int injector::sync(int fd) {
  std::lock_guard guard{mutex_};
  auto* file = find(fd);
  if (!file)
    return static_cast<int>(::syscall(SYS_fsync, fd));
  auto& state = files_[file->id];
  state.path = file->path;
  if (!state.data.lost().empty() || (file->is_directory && state.sync_failed))
    violations_.push_back(
      {"sync", file->path.substr(root_.size())
                 + " was synced again after that had failed"});
  if (fails(call_kind::sync, fd)) {
    if (errno != EINTR) {
      state.data.sync_failed();
      state.sync_failed = true;
    }
    return -1;
  }
  // Nothing is really synced: what counts is who asks for it.
  state.data.sync_succeeded();
  return 0;
}

/// Makes nothing durable. Without flags it does nothing at all: then it asks
/// whether there is such a call.
int injector::sync_range(int fd, off_t, off_t, unsigned flags) {
  if (flags == 0)
    return 0;
  std::lock_guard guard{mutex_};
  return fails(call_kind::sync, fd) ? -1 : 0;
}

int injector::truncate(int fd, off_t size) {
  std::lock_guard guard{mutex_};
  if (auto* file = find(fd)) {
    if (fails(call_kind::truncate, fd))
      return -1;
    files_[file->id].data.truncate(static_cast<uint64_t>(size));
  }
  return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}

int injector::allocate(int fd, int mode, off_t offset, off_t size) {
  std::lock_guard guard{mutex_};
  if (fails(call_kind::truncate, fd))
    return -1;
  return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, size));
}

int injector::rename(int from_dir, const char* from, int to_dir, const char* to,
                     unsigned flags) {
  std::lock_guard guard{mutex_};
  auto old_name = path_of(from_dir, from);
  auto name = path_of(to_dir, to);
  if (is_watched(name) && fails(call_kind::rename, name))
    return -1;
  auto result = static_cast<int>(
    ::syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
  if (result == 0 && is_watched(name)) {
    forget(name);
    for (auto& [id, x] : files_)
      if (x.path == old_name)
        x.path = name;
  }
  return result;
}

int injector::unlink(int dir, const char* path, int flags) {
  std::lock_guard guard{mutex_};
  auto name = path_of(dir, path);
  if (is_watched(name) && fails(call_kind::unlink, name))
    return -1;
  auto result = static_cast<int>(::syscall(SYS_unlinkat, dir, path, flags));
  if (result == 0)
    forget(name);
  return result;
}

int injector::mkdir(int dir, const char* path, mode_t mode) {
  std::lock_guard guard{mutex_};
  auto name = path_of(dir, path);
  if (is_watched(name) && fails(call_kind::mkdir, name))
    return -1;
  return static_cast<int>(::syscall(SYS_mkdirat, dir, path, mode));
}

void* injector::map(void* address, size_t size, int protection, int flags,
                    int fd, off_t offset) {
  {
    std::lock_guard guard{mutex_};
    if (fails(call_kind::map, fd))
      return MAP_FAILED;
  }
  return reinterpret_cast<void*>(
    ::syscall(SYS_mmap, address, size, protection, flags, fd, offset));
}

} // namespace trials
