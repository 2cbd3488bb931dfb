// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>

namespace larder::detail {

/// Passes bytes from one thread to another, a bounded number at a time.
class byte_pipe {
public:
  /// Waits while the pipe is full.
  /// @returns `closed` if nobody reads any more
  expected<void> write(bytes_view data);

  /// Nothing more will be written; the reader gets the error, if there is one,
  /// when it has read the rest.
  void close_writing(std::optional<error> why = std::nullopt);

  /// Waits for bytes; 0 is the end.
  expected<size_t> read(std::span<std::byte> dst);

  /// Nothing more will be read.
  void close_reading();

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bytes content_;
  size_t used_ = 0; // of `content_`
  bool ended_ = false;
  bool abandoned_ = false;
  std::optional<error> why_;
};

} // namespace larder::detail
