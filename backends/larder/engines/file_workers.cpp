// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/workers.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

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
  if (count < 2) {
    if (count == 1)
      f(0);
    return;
  }
  start(std::min(count, limit_));
  {
    std::lock_guard guard{mutex_};
    job_ = &f;
    count_ = count;
    next_ = 0;
  }
  job_added_.notify_all();
  take_jobs();
  std::unique_lock guard{mutex_};
  all_done_.wait(guard, [this] { return running_ == 0; });
  job_ = nullptr;
  if (auto failure = std::exchange(failure_, nullptr))
    std::rethrow_exception(failure);
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
    job_added_.wait(guard, [this] {
      return stopping_ || (job_ != nullptr && next_ < count_);
    });
    if (stopping_)
      return;
    ++running_;
    guard.unlock();
    take_jobs();
    guard.lock();
    if (--running_ == 0)
      all_done_.notify_one();
  }
}

/// Only who begins and ends to work takes the lock, not each job.
void workers::take_jobs() {
  for (auto i = next_++; i < count_; i = next_++) {
    try {
      (*job_)(i);
    } catch (...) {
      std::lock_guard guard{mutex_};
      if (!failure_)
        failure_ = std::current_exception();
    }
  }
}

} // namespace larder::detail
