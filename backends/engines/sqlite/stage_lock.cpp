// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "stage_lock.hpp"

#include "larder/detail/file/handle.hpp"
#include "larder/uuid.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace larder::detail::sqlite {

namespace {

struct flock byte_lock(int64_t owner) {
  struct flock result {};
  result.l_type = F_WRLCK;
  result.l_whence = SEEK_SET;
  result.l_start = owner;
  result.l_len = 1;
  return result;
}

/// A positive number that nobody else has.
int64_t random_owner() {
  std::array<std::byte, sizeof(uint64_t)> data{};
  fill_random(data);
  return static_cast<int64_t>(load_big_endian<uint64_t>(data.data()) >> 2) + 1;
}

} // namespace

stage_lock::stage_lock(const std::string& path) : path_(path + "-stages") {
  // nop
}

stage_lock::~stage_lock() {
  if (fd_ >= 0)
    ::close(fd_);
}

expected<void> stage_lock::hold() {
  if (owner_ > 0)
    return {};
  if (fd_ < 0)
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0)
    return fail(io_failure("open", path_, errno));
  auto owner = random_owner();
  auto lock = byte_lock(owner);
  if (::fcntl(fd_, F_OFD_SETLK, &lock) != 0)
    return fail(io_failure("lock", path_, errno));
  owner_ = owner;
  return {};
}

bool stage_lock::is_alive(int64_t owner) const {
  if (owner <= 0)
    return false;
  if (owner == owner_)
    return true;
  auto fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return errno != ENOENT;
  auto lock = byte_lock(owner);
  auto known = ::fcntl(fd, F_OFD_GETLK, &lock) == 0;
  ::close(fd);
  return !known || lock.l_type != F_UNLCK;
}

} // namespace larder::detail::sqlite
