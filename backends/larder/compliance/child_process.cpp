// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace larder::detail {

namespace {

/// How long a child may be silent, in milliseconds.
constexpr int patience = 60'000;

/// @returns 0 or an errno
int spawn(const std::vector<std::string>& argv, int fd, pid_t& pid) {
  std::vector<char*> args;
  for (auto& x : argv)
    args.push_back(const_cast<char*>(x.c_str())); // posix_spawn writes nothing
  args.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (auto err = ::posix_spawn_file_actions_init(&actions); err != 0)
    return err;
  auto err = ::posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
  if (err == 0)
    err = ::posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
  if (err == 0)
    err
      = ::posix_spawnp(&pid, args[0], &actions, nullptr, args.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return err;
}

} // namespace

expected<std::unique_ptr<child_process>>
child_process::start(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errc::io_error,
                std::string{"cannot make a socket: "} + std::strerror(errno));
  pid_t pid = -1;
  auto err = spawn(argv, ends[1], pid);
  ::close(ends[1]);
  if (err != 0) {
    ::close(ends[0]);
    return fail(errc::io_error, "cannot run " + argv[0]
                                  + " (child_command): " + std::strerror(err));
  }
  return std::unique_ptr<child_process>{new child_process(pid, ends[0])};
}

child_process::~child_process() {
  kill();
  ::close(fd_);
}

std::optional<std::string> child_process::read_line() {
  for (;;) {
    if (auto end = buffer_.find('\n'); end != std::string::npos) {
      auto result = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return result;
    }
    pollfd waiting{fd_, POLLIN, 0};
    auto ready = ::poll(&waiting, 1, patience);
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      return std::nullopt;
    std::array<char, 4096> data{};
    auto n = ::read(fd_, data.data(), data.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return std::nullopt;
    buffer_.append(data.data(), static_cast<size_t>(n));
  }
}

void child_process::write_line(std::string_view line) {
  auto data = std::string{line} + "\n";
  static_cast<void>(::send(fd_, data.data(), data.size(), MSG_NOSIGNAL));
}

void child_process::kill() {
  if (dead_)
    return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    // once more
  }
  dead_ = true;
}

std::unique_ptr<child_process> start_child(trial& t, std::string_view script,
                                           uint64_t number) {
  auto argv = t.options().child_command;
  if (argv.empty())
    t.skip("child_command is not set");
  argv.emplace_back(script);
  argv.push_back(to_string(t.where()));
  argv.push_back(std::to_string(number));
  auto result = child_process::start(argv);
  t.require_value(result, "starting another process");
  return std::move(*result);
}

} // namespace larder::detail
