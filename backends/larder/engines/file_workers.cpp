// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/workers.hpp"

#include <algorithm>
#include <system_error>

namespace larder::detail {

workers::workers(size_t limit) : limit_(std::max<size_t>(limit, 1)) {
  // nop
}

workers::~workers() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  job_added_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

void workers::for_each(size_t count, const std::function<void(size_t)>& f) {
  start(std::min(count, limit_));
  std::unique_lock guard{mutex_};
  job_ = &f;
  next_ = 0;
  count_ = count;
  if (count > 1)
    job_added_.notify_all();
  take_jobs(guard);
  all_done_.wait(guard, [this] { return running_ == 0; });
  job_ = nullptr;
}

/// Makes sure that `count` threads can work, as far as the system allows it:
/// with fewer it only takes longer.
void workers::start(size_t count) {
  try {
    while (threads_.size() + 1 < count)
      threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // the caller works in any case
  }
}

void workers::work() {
  std::unique_lock guard{mutex_};
  for (;;) {
    job_added_.wait(guard, [this] { return stopping_ || next_ < count_; });
    if (stopping_)
      return;
    take_jobs(guard);
    all_done_.notify_one();
  }
}

void workers::take_jobs(std::unique_lock<std::mutex>& guard) {
  while (next_ < count_) {
    auto i = next_++;
    auto& f = *job_;
    ++running_;
    guard.unlock();
    f(i);
    guard.lock();
    --running_;
  }
}

} // namespace larder::detail
