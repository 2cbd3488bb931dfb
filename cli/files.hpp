// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Files that commands read and write; `-` is standard input or output.

#pragma once

#include "command.hpp"

#include "larder/bytes.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace larder::cli {

/// A file descriptor that is closed at the end, unless it is a standard one.
class file_descriptor {
public:
  explicit file_descriptor(int fd = -1) noexcept : fd_(fd) {
    // nop
  }

  file_descriptor(file_descriptor&& other) noexcept;

  file_descriptor& operator=(file_descriptor&& other) noexcept;

  ~file_descriptor();

  int get() const noexcept {
    return fd_;
  }

private:
  int fd_;
};

/// A file to read from its start to its end.
class input_file {
public:
  static result<input_file> open(const std::string& name);

  /// Reads up to `dst.size()` bytes, as many as there are before the end.
  result<size_t> read(std::span<std::byte> dst);

  /// The size of a regular file.
  std::optional<uint64_t> size() const;

private:
  input_file(std::string name, file_descriptor fd)
    : name_(std::move(name)), fd_(std::move(fd)) {
    // nop
  }

  std::string name_;
  file_descriptor fd_;
};

/// A file to write, which appears under its name (or takes the place of the one
/// that is there) when it is complete and on the disk, and not before. What is
/// no regular file, such as a pipe, is written to in place.
class output_file {
public:
  static result<output_file> open(const std::string& name);

  output_file(output_file&&) noexcept = default;

  /// Discards what is not committed.
  ~output_file();

  result<void> write(bytes_view data);

  result<void> commit();

private:
  explicit output_file(std::string name) : name_(std::move(name)) {
    // nop
  }

  result<void> open_hidden();

  std::string name_;
  /// Where the bytes are meanwhile; empty if nowhere or in a file without name.
  std::string temporary_;
  file_descriptor fd_;
  bool in_place_ = false;
};

/// Reads a whole file.
result<std::string> read_file(const std::string& name);

} // namespace larder::cli
