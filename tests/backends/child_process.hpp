// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests with several processes share.

#pragma once

#include "backends/file_tools.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace file_tools {

/// A child process that runs `f` with the writing end of a pipe. It is killed
/// and waited for at the end.
class child {
public:
  template <class F>
  explicit child(F f) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(ends[0]);
      f(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    in_ = ends[0];
  }

  child(child&& other) noexcept : pid_(other.pid_), in_(other.in_) {
    other.pid_ = -1;
    other.in_ = -1;
  }

  ~child() {
    if (pid_ < 0)
      return;
    kill();
    ::close(in_);
  }

  pid_t pid() const {
    return pid_;
  }

  void kill() {
    if (dead_)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    dead_ = true;
  }

  /// Reads the next number that the child has sent.
  std::optional<uint64_t> next() {
    uint64_t result = 0;
    if (::read(in_, &result, sizeof(result)) != sizeof(result))
      return std::nullopt;
    return result;
  }

private:
  pid_t pid_ = -1;
  int in_ = -1;
  bool dead_ = false;
};

inline void send(int fd, uint64_t x) {
  if (::write(fd, &x, sizeof(x)) != sizeof(x))
    ::_exit(1);
}

/// Lets children begin together, so that they do get in each other's way.
class starting_line {
public:
  starting_line() {
    REQUIRE(::pipe(ends_.data()) == 0);
  }

  ~starting_line() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  starting_line(const starting_line&) = delete;

  starting_line& operator=(const starting_line&) = delete;

  /// In a child: tells the parent that it is ready, and waits for the others.
  void wait(int out) const {
    send(out, 0);
    char signal = 0;
    if (::read(ends_[0], &signal, 1) != 1)
      ::_exit(1);
  }

  /// In the parent: waits until all are ready, and lets them go.
  void start(std::vector<child>& children) const {
    for (auto& x : children)
      REQUIRE(x.next());
    std::string signals(children.size(), '!');
    REQUIRE(::write(ends_[1], signals.data(), signals.size())
            == static_cast<ssize_t>(signals.size()));
  }

private:
  std::array<int, 2> ends_{};
};

/// A blob with a revision of its own and a number.
inline std::shared_ptr<const bytes> numbered(uint64_t number,
                                             size_t padding = 0) {
  header hdr;
  fill_random(hdr.rev.data);
  bytes result;
  hdr.encode(result);
  append_big_endian(result, number);
  result.resize(result.size() + padding, static_cast<std::byte>(number));
  return std::make_shared<const bytes>(std::move(result));
}

inline uint64_t number_of(bytes_view x) {
  return load_big_endian<uint64_t>(x.data() + header::size_v2);
}

/// Increments a counter `count` times, each on condition that nobody else did.
/// @param start called when the counter has been read for the first time: if
///              others wait there as well, all but one lose an attempt
/// @returns how many attempts others have won, nothing on any error
template <class F>
std::optional<uint64_t> increment(backend& store, int count, F start) {
  uint64_t lost = 0;
  auto started = false;
  while (count > 0) {
    read_request request;
    request.key = "\"counter";
    auto found = std::move(store.read({&request, 1})[0]);
    if (!std::exchange(started, true))
      start();
    if (!found || !*found)
      return std::nullopt;
    auto head = header::decode((*found)->data);
    auto x = put("\"counter", numbered(number_of((*found)->data) + 1),
                 precondition::matches(head->rev));
    auto outcome = std::move(store.commit({&x, 1})[0]);
    if (outcome)
      --count;
    else if (outcome.error() == errc::precondition_failed)
      ++lost;
    else
      return std::nullopt;
  }
  return lost;
}

inline expected<std::unique_ptr<backend>>
try_open(const detail::file_config& config) {
  return detail::open_file_store(config, std::make_shared<detail::file_ops>());
}

} // namespace file_tools
