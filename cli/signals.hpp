// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Ending a command that runs until it is told to stop.

#pragma once

#include <chrono>
#include <csignal>

namespace larder::cli {

/// The signals that end a command in good order. While one of these objects
/// lives they are blocked: in this thread, and in those that it starts.
class termination_signals {
public:
  termination_signals() {
    sigemptyset(&set_);
    for (auto x : {SIGINT, SIGTERM, SIGHUP})
      sigaddset(&set_, x);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }

  termination_signals(const termination_signals&) = delete;

  termination_signals& operator=(const termination_signals&) = delete;

  ~termination_signals() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  void wait() const {
    int received = 0;
    while (sigwait(&set_, &received) != 0)
      ; // interrupted
  }

  /// Waits for at most so long.
  /// @returns whether a signal has come
  bool wait_for(std::chrono::nanoseconds time) const {
    using namespace std::chrono;
    auto end = steady_clock::now() + time;
    for (;;) {
      auto left = duration_cast<nanoseconds>(end - steady_clock::now());
      if (left < nanoseconds::zero())
        left = nanoseconds::zero();
      auto whole = duration_cast<seconds>(left);
      timespec timeout{whole.count(), (left - whole).count()};
      if (sigtimedwait(&set_, nullptr, &timeout) > 0)
        return true;
      if (left == nanoseconds::zero())
        return false;
    }
  }

private:
  sigset_t set_;
  sigset_t before_;
};

} // namespace larder::cli
