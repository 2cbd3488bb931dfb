// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace larder::detail {

/// A few threads that wait for devices on behalf of one caller at a time. They
/// are started when first needed.
class workers {
public:
  /// @param limit how many threads may work at once, the caller included
  explicit workers(size_t limit);

  ~workers();

  /// Calls `f` with 0 to `count - 1`, in any order and from several threads,
  /// and returns when all calls have returned. If some throw, the others are
  /// made nevertheless, and then the first exception is thrown here.
  void for_each(size_t count, const std::function<void(size_t)>& f);

private:
  void start(size_t count);
  void work();
  void take_jobs();

  size_t limit_;
  std::mutex mutex_;
  std::condition_variable job_added_;
  std::condition_variable all_done_;
  /// Set while there is work; all but `next_` are guarded by the lock, and
  /// stay while somebody is `running_`.
  const std::function<void(size_t)>* job_ = nullptr;
  std::atomic<size_t> next_{0};
  size_t count_ = 0;
  size_t running_ = 0;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

} // namespace larder::detail
