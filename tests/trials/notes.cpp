// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/notes.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace trials {

void notebook::write(std::span<const note> notes) {
  auto data = std::as_bytes(notes);
  ssize_t n = 0;
  do
    n = ::write(fd_, data.data(), data.size());
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(data.size()))
    ::_exit(3);
}

void notebook::write(note_kind kind, uint64_t operation) {
  note x;
  x.kind = kind;
  x.operation = operation;
  write({&x, 1});
}

void notebook::complain(std::string_view kind, std::string_view what) {
  auto text = std::string{kind} + ": " + std::string{what};
  note x;
  x.kind = note_kind::complaint;
  x.text_size = static_cast<uint8_t>(std::min(text.size(), note::max_text));
  std::copy_n(text.begin(), x.text_size, x.text.begin());
  write({&x, 1});
}

std::optional<note> note_reader::next(int timeout_ms) {
  struct pollfd what {
    fd_, POLLIN, 0
  };
  if (ended_ || ::poll(&what, 1, timeout_ms) <= 0)
    return std::nullopt;
  note result;
  auto* data = reinterpret_cast<char*>(&result);
  size_t done = 0;
  while (done < sizeof(note)) {
    auto n = ::read(fd_, data + done, sizeof(note) - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      ended_ = true;
      return std::nullopt;
    }
    done += static_cast<size_t>(n);
  }
  return result;
}

} // namespace trials
