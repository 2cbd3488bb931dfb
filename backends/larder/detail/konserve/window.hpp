// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/konserve/names.hpp"
#include "larder/error.hpp"

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace larder::detail::ksv {

/// How many names of files a listing keeps.
constexpr size_t window_size = 65536;

/// What one scan of the directory has found: the first files with values behind
/// a place, in order.
struct file_window {
  uint64_t number = 0;          ///< unique in a cache
  std::optional<file_id> after; ///< the place
  std::vector<file_id> files;
  bool last = true; ///< there is nothing behind them

  /// Whether all files behind `x` that are in no later window are here.
  bool goes_on_behind(const file_id& x) const {
    return (!after || *after <= x) && !files.empty() && x < files.back();
  }
};

/// What a scan has seen on its way.
struct scan_counts {
  uint64_t foreign = 0;
  uint64_t old = 0;
};

/// Scans a store's directory.
/// @param dir the directory
/// @param after only files behind this one
/// @param limit greatest number of files
/// @param only_old only files of old layouts
expected<file_window> scan(file_ops& ops, const std::string& dir,
                           const std::optional<file_id>& after, size_t limit,
                           scan_counts& counts, bool only_old = false);

/// The windows of the latest listings. Thread-safe.
class window_cache {
public:
  /// Returns the window in which a listing goes on behind `after`: the one with
  /// that number if it is still known and goes on there, else a new one.
  expected<std::shared_ptr<const file_window>>
  get(file_ops& ops, const std::string& dir, uint64_t number,
      const std::optional<file_id>& after);

  /// What the latest scan has seen.
  scan_counts counts() const;

private:
  static constexpr size_t max_windows = 8;

  mutable std::mutex mutex_;
  uint64_t next_ = 1;
  std::list<std::shared_ptr<const file_window>> windows_; // latest first
  scan_counts counts_;
};

} // namespace larder::detail::ksv
