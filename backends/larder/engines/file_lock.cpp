// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/lock.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

namespace larder::detail {

namespace {

constexpr uint64_t open_byte = fan_out;
constexpr uint64_t holder_byte = fan_out + 1;
constexpr uint64_t group_byte = fan_out + 2;

/// Marks this process as the exclusive holder, for messages alone.
void announce_holder(int fd) noexcept {
  struct flock what {};
  what.l_type = F_WRLCK;
  what.l_whence = SEEK_SET;
  what.l_start = holder_byte;
  what.l_len = 1;
  ::fcntl(fd, F_SETLK, &what);
}

/// Returns " by process 123", or nothing if that is not known.
std::string describe_holder(int fd) {
  struct flock what {};
  what.l_type = F_WRLCK;
  what.l_whence = SEEK_SET;
  what.l_start = holder_byte;
  what.l_len = 1;
  if (::fcntl(fd, F_GETLK, &what) != 0 || what.l_type == F_UNLCK)
    return {};
  return " by process " + std::to_string(what.l_pid);
}

/// Checks that the open file is still the one at its path: it is not after the
/// store was destroyed.
expected<void> check_current(file_ops& ops, const file_handle& file) {
  auto ours = file.status();
  if (!ours)
    return fail(ours.error());
  struct stat current {};
  auto err = ops.stat(file.path(), current);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("look at", file.path(), err));
  if (err != 0 || ours->st_ino != current.st_ino
      || ours->st_dev != current.st_dev)
    return fail(errc::locked,
                file.path() + " was replaced while it was being opened");
  return {};
}

} // namespace

expected<store_lock> store_lock::acquire(std::shared_ptr<file_ops> ops,
                                         const std::string& dir, lock_kind kind,
                                         bool create) {
  store_lock result;
  result.ops_ = std::move(ops);
  result.exclusive_ = kind == lock_kind::exclusive;
  auto path = dir + "/" + std::string{file};
  auto flags = O_RDWR | (create ? O_CREAT : 0);
  auto err = result.file_.open(*result.ops_, path, flags);
  if (err == -ENOENT)
    return fail(errc::not_found, path + " is missing");
  if (err != 0)
    return fail(io_failure("open", path, err));
  auto fd = result.file_.fd();
  err = result.ops_->lock(fd, kind, open_byte, 1, false);
  if (err == -EAGAIN)
    return fail(errc::locked,
                dir + " is held" + describe_holder(fd)
                  + (result.exclusive_ ? ": it must be closed everywhere first"
                                       : " alone: it must be closed first"));
  if (err != 0)
    return fail(io_failure("lock", path, err));
  if (auto ok = check_current(*result.ops_, result.file_); !ok)
    return fail(ok.error());
  if (result.exclusive_)
    announce_holder(fd);
  return result;
}

expected<void> store_lock::lock_dirs(const dir_set& dirs) {
  if (exclusive_)
    return {};
  for (size_t first = 0; first < fan_out; ++first) {
    if (!dirs[first])
      continue;
    auto last = first;
    while (last + 1 < fan_out && dirs[last + 1])
      ++last;
    auto err = ops_->lock(file_.fd(), lock_kind::exclusive, first,
                          last - first + 1, true);
    if (err != 0) {
      unlock_dirs();
      return fail(io_failure("lock", file_.path(), err));
    }
    first = last;
  }
  return {};
}

void store_lock::unlock_dirs() noexcept {
  if (!exclusive_)
    ops_->lock(file_.fd(), lock_kind::none, 0, fan_out, false);
}

expected<void> store_lock::lock_groups(lock_kind kind) noexcept {
  if (exclusive_)
    return {};
  if (auto err = ops_->lock(file_.fd(), kind, group_byte, 1, true); err != 0)
    return fail(io_failure("lock", file_.path(), err));
  return {};
}

expected<uint64_t> store_lock::read_word() const {
  std::array<std::byte, sizeof(uint64_t)> data{};
  auto n = ops_->read(file_.fd(), data, 0); // less: never written
  if (n < 0)
    return fail(io_failure("read", file_.path(), static_cast<int>(n)));
  return load_big_endian<uint64_t>(data.data());
}

expected<void> store_lock::write_word(uint64_t x) {
  std::array<std::byte, sizeof(uint64_t)> data{};
  store_big_endian(data.data(), x);
  return file_.write(data, 0);
}

} // namespace larder::detail
