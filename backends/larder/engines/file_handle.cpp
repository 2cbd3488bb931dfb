// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/handle.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <system_error>
#include <utility>

namespace larder::detail {

error io_failure(std::string_view verb, std::string_view path, int err,
                 bool data_loss) {
  auto message = "cannot " + std::string{verb} + " " + std::string{path} + ": "
                 + std::generic_category().message(std::abs(err));
  return {errc::io_error, std::move(message), data_loss};
}

file_handle::file_handle(file_handle&& other) noexcept
  : ops_(other.ops_),
    fd_(std::exchange(other.fd_, -1)),
    path_(std::move(other.path_)) {
  // nop
}

file_handle& file_handle::operator=(file_handle&& other) noexcept {
  std::swap(ops_, other.ops_);
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

file_handle::~file_handle() {
  close();
}

int file_handle::open(file_ops& ops, std::string path, int flags) {
  close();
  ops_ = &ops;
  path_ = std::move(path);
  auto result = ops.open(path_, flags);
  if (result < 0)
    return result;
  fd_ = result;
  return 0;
}

void file_handle::close() noexcept {
  if (fd_ >= 0)
    ops_->close(std::exchange(fd_, -1));
}

expected<bytes> file_handle::read(uint64_t offset, size_t size) const {
  bytes result(size);
  auto n = read(offset, std::span{result});
  if (!n)
    return fail(n.error());
  result.resize(*n);
  return result;
}

expected<size_t> file_handle::read(uint64_t offset,
                                   std::span<std::byte> dst) const {
  auto n = ops_->read(fd_, dst, offset);
  if (n < 0)
    return fail(io_failure("read", path_, static_cast<int>(n)));
  return static_cast<size_t>(n);
}

expected<void> file_handle::write(bytes_view data, uint64_t offset) const {
  if (auto err = ops_->write(fd_, data, offset); err != 0)
    return fail(io_failure("write", path_, err));
  return {};
}

expected<void> file_handle::sync() const {
  if (auto err = ops_->sync(fd_); err != 0)
    return fail(io_failure("sync", path_, err));
  return {};
}

expected<struct stat> file_handle::status() const {
  struct stat result {};
  if (auto err = ops_->stat(fd_, result); err != 0)
    return fail(io_failure("look at", path_, err));
  return result;
}

expected<void> sync_directory(file_ops& ops, const std::string& path) {
  file_handle dir;
  if (auto err = dir.open(ops, path, O_RDONLY | O_DIRECTORY); err != 0)
    return fail(io_failure("open", path, err));
  return dir.sync();
}

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace larder::detail
