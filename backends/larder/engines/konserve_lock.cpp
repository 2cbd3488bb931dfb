// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/lock.hpp"
#include "larder/detail/konserve/names.hpp"

#include <fcntl.h>

#include <cerrno>

namespace larder::detail::ksv {

namespace {

constexpr uint64_t open_byte = 0;

} // namespace

expected<store_lock> store_lock::acquire(std::shared_ptr<file_ops> ops,
                                         const std::string& dir,
                                         bool exclusively) {
  store_lock result;
  result.ops_ = std::move(ops);
  auto err = result.dir_.open(*result.ops_, dir, O_RDONLY | O_DIRECTORY);
  if (err == -ENOENT || err == -ENOTDIR)
    return fail(errc::not_found, "there is no directory " + dir);
  if (err != 0)
    return fail(io_failure("open", dir, err));
  // Marks are set and looked for by one at a time.
  if (auto ok = result.lock(); !ok)
    return fail(ok.error());
  if (auto ok = result.check_place(); !ok)
    return fail(errc::not_found, ok.error().message());
  auto fd = result.dir_.fd();
  err = exclusively
          ? result.ops_->test_lock(fd, open_byte, 1)
          : result.ops_->lock(fd, lock_kind::shared, open_byte, 1, false);
  if (err < 0)
    return fail(io_failure("lock", dir, err));
  if (err == 1)
    return fail(errc::locked,
                dir + " is open elsewhere: it must be closed first");
  if (!exclusively)
    result.end_writing();
  return result;
}

expected<void> store_lock::begin_writing() {
  auto result = lock().and_then([this] { return check_place(); });
  if (!result)
    end_writing();
  return result;
}

expected<void> store_lock::lock() {
  auto err = ops_->lock_whole(dir_.fd(), lock_kind::exclusive, true);
  if (err != 0)
    return fail(io_failure("lock", dir_.path(), err));
  return {};
}

expected<void> store_lock::check_place() const {
  auto ours = dir_.status();
  if (!ours)
    return fail(ours.error());
  struct stat current {};
  auto err = ops_->stat(dir_.path(), current);
  if (err != 0 && err != -ENOENT && err != -ENOTDIR)
    return fail(io_failure("look at", dir_.path(), err));
  if (err != 0 || ours->st_ino != current.st_ino
      || ours->st_dev != current.st_dev)
    return fail(errc::io_error, dir_.path()
                                  + " was moved or removed since it was "
                                    "opened: open the store where it is now");
  return {};
}

void store_lock::end_writing() noexcept {
  fences_.clear(); // closing gives up their locks
  ops_->lock_whole(dir_.fd(), lock_kind::none, false);
}

expected<void> store_lock::fence(const uuid& id, bool make) {
  auto path = dir_.path() + "/" + fence_name(id);
  file_handle file;
  auto err = file.open(*ops_, path, O_RDWR | (make ? O_CREAT : 0));
  if (err == -ENOENT)
    return {};
  if (err != 0)
    return fail(io_failure("open", path, err));
  err = ops_->lock(file.fd(), lock_kind::exclusive, 0, 0, true);
  if (err != 0)
    return fail(io_failure("lock", path, err));
  fences_.insert_or_assign(id, std::move(file));
  return {};
}

} // namespace larder::detail::ksv
