// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"

#include <span>
#include <string>
#include <string_view>

namespace larder::detail {

/// Returns `io_error` "cannot `verb` `path`: reason".
/// @param err the errno, of either sign
error io_failure(std::string_view verb, std::string_view path, int err,
                 bool data_loss = false);

/// Owns an open file.
class file_handle {
public:
  file_handle() = default;
  file_handle(file_handle&& other) noexcept;
  file_handle& operator=(file_handle&& other) noexcept;
  ~file_handle();

  /// Opens `path` in place of what was open before.
  /// @returns 0 or the negated errno
  int open(file_ops& ops, std::string path, int flags);

  void close() noexcept;

  bool is_open() const noexcept {
    return fd_ >= 0;
  }

  int fd() const noexcept {
    return fd_;
  }

  const std::string& path() const noexcept {
    return path_;
  }

  /// Returns up to `size` bytes from `offset`, fewer only at the file's end.
  expected<bytes> read(uint64_t offset, size_t size) const;

  /// Does so to `dst`.
  /// @returns how many bytes there were
  expected<size_t> read(uint64_t offset, std::span<std::byte> dst) const;

  expected<void> write(bytes_view data, uint64_t offset) const;

  expected<void> sync() const;

  expected<struct stat> status() const;

private:
  file_ops* ops_ = nullptr;
  int fd_ = -1;
  std::string path_;
};

/// Makes the entries of the directory `path` durable.
expected<void> sync_directory(file_ops& ops, const std::string& path);

/// Returns the directory that holds `path`.
std::string parent_of(const std::string& path);

} // namespace larder::detail
