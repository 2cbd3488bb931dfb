// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Child processes that run this program in another role.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace trials {

/// The descriptor under which a child finds the writing end of its pipe.
constexpr int child_pipe = 3;

/// A running child; killed and waited for at the end.
class process {
public:
  /// Starts this program again. Ends the program if that is impossible.
  explicit process(const std::vector<std::string>& arguments);

  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;
  ~process();

  /// The reading end of the pipe.
  int pipe() const {
    return pipe_;
  }

  /// Kills it with SIGKILL and waits for the end.
  /// @returns whether it was alive until then
  bool kill();

  /// Waits for the end of one that is about to end by itself.
  void wait();

  /// Says how it ended.
  std::string ending() const;

private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  bool running_ = false;
  int status_ = 0;
};

/// Prints a message and ends the program with status 2: the trial itself is
/// impossible.
[[noreturn]] void give_up(const std::string& message);

} // namespace trials
