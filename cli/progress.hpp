// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace larder::cli {

/// A line on standard error that tells how far a long command is; nothing at
/// all unless standard error is a terminal.
class progress_bar {
public:
  /// @param total how many bytes there are to do, if known
  explicit progress_bar(std::optional<uint64_t> total);

  /// Wipes the line away.
  ~progress_bar();

  void update(uint64_t bytes, uint64_t records);

  /// Wipes the line away before something else is printed.
  void clear();

private:
  using clock = std::chrono::steady_clock;

  std::optional<uint64_t> total_;
  bool on_;
  clock::time_point next_;
};

} // namespace larder::cli
