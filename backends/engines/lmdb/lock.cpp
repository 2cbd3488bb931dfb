// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "lock.hpp"

#include "larder/uuid.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

namespace larder::detail {

namespace {

/// Checks that the open file is still the one at its path: it is not after the
/// store was destroyed.
expected<void> check_in_place(file_ops& ops, const file_handle& file) {
  auto ours = file.status();
  if (!ours)
    return fail(ours.error());
  struct stat found {};
  auto err = ops.stat(file.path(), found);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("look at", file.path(), err));
  if (err != 0 || found.st_ino != ours->st_ino || found.st_dev != ours->st_dev)
    return fail(errc::locked, "the store of " + file.path()
                                + " is being destroyed; try again");
  return {};
}

} // namespace

expected<lmdb_lock> lmdb_lock::acquire(std::shared_ptr<file_ops> ops,
                                       const std::string& dir, lock_kind kind) {
  lmdb_lock result;
  result.ops_ = std::move(ops);
  auto path = dir + "/" + std::string{file};
  auto err = result.file_.open(*result.ops_, path, O_RDWR | O_CREAT);
  if (err == -EROFS && kind == lock_kind::shared) {
    result.read_only_ = true;
    err = result.file_.open(*result.ops_, path, O_RDONLY);
    if (err == -ENOENT)
      return result;
  }
  if (err == -EROFS)
    return fail(errc::io_error, "cannot make or remove a store in " + dir
                                  + ": the medium is read-only");
  if (err != 0)
    return fail(io_failure("open", path, err));
  err = result.set(kind, 0, false);
  if (err == -EAGAIN)
    return fail(errc::locked,
                dir
                  + " is held by another process, or open in this one; it "
                    "must be closed everywhere first");
  if (err != 0)
    return fail(io_failure("lock", path, err));
  if (auto ok = check_in_place(*result.ops_, result.file_); !ok)
    return fail(ok.error());
  return result;
}

int lmdb_lock::set(lock_kind kind, uint64_t byte, bool wait) const {
  return ops_->lock(file_.fd(), kind, byte, 1, wait);
}

expected<lmdb_lock::guard> lmdb_lock::hold(uint64_t byte) const {
  if (read_only_)
    return guard{nullptr, byte};
  if (auto err = set(lock_kind::exclusive, byte, true); err != 0)
    return fail(io_failure("lock", file_.path(), err));
  return guard{this, byte};
}

expected<uint64_t> lmdb_lock::become_owner() const {
  for (;;) {
    std::array<std::byte, sizeof(uint64_t)> random{};
    fill_random(random);
    // Offsets are signed: the two upper bits stay clear.
    auto owner = (load_big_endian<uint64_t>(random.data()) >> 2) | first_owner;
    auto err = set(lock_kind::exclusive, owner, false);
    if (err == 0)
      return owner;
    if (err != -EAGAIN)
      return fail(io_failure("lock", file_.path(), err));
  }
}

expected<bool> lmdb_lock::lives(uint64_t owner) const {
  auto err = set(lock_kind::exclusive, owner, false);
  if (err == -EAGAIN)
    return true;
  if (err != 0)
    return fail(io_failure("lock", file_.path(), err));
  set(lock_kind::none, owner, false);
  return false;
}

} // namespace larder::detail
