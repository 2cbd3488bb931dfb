// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace trials {

process::process(const std::vector<std::string>& arguments) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    give_up("no pipe: " + std::string{std::strerror(errno)});
  std::vector<char*> argv{const_cast<char*>("child")};
  for (auto& x : arguments)
    argv.push_back(const_cast<char*>(x.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], child_pipe);
  auto err = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr,
                           argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (err != 0)
    give_up("no child: " + std::string{std::strerror(err)});
  pipe_ = ends[0];
  running_ = true;
}

process::process(process&& other) noexcept
  : pid_(other.pid_),
    pipe_(std::exchange(other.pipe_, -1)),
    running_(std::exchange(other.running_, false)),
    status_(other.status_) {
  // nop
}

process& process::operator=(process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pipe_, other.pipe_);
  std::swap(running_, other.running_);
  std::swap(status_, other.status_);
  return *this;
}

process::~process() {
  kill();
  if (pipe_ >= 0)
    ::close(pipe_);
}

void process::wait() {
  while (running_ && ::waitpid(pid_, &status_, 0) < 0 && errno == EINTR)
    ;
  running_ = false;
}

bool process::kill() {
  if (running_)
    ::kill(pid_, SIGKILL);
  wait();
  return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
}

std::string process::ending() const {
  if (running_)
    return "still running";
  if (WIFSIGNALED(status_))
    return "ended by signal " + std::to_string(WTERMSIG(status_));
  return "ended with status " + std::to_string(WEXITSTATUS(status_));
}

void give_up(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

} // namespace trials
