// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/error.hpp"

#include <string>
#include <string_view>

namespace larder::detail {

/// The content of a file that should be readable by its owner only.
struct secret_file {
  std::string text;
  bool open_to_others = false;
};

/// Reads a file of at most 1 MiB.
/// @returns `not_found`, `io_error`, `limit_exceeded`
expected<secret_file> read_secret_file(const std::string& file);

/// Replaces a file atomically and durably: a new file that only its owner may
/// read is written beside it, synced and renamed.
/// @returns `io_error`
expected<void> write_secret_file(const std::string& file,
                                 std::string_view text);

} // namespace larder::detail
