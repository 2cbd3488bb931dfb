// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/byte_pipe.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr size_t capacity = size_t{4} << 20;

} // namespace

expected<void> byte_pipe::write(bytes_view data) {
  std::unique_lock guard{mutex_};
  while (!data.empty()) {
    changed_.wait(guard,
                  [this] { return abandoned_ || content_.size() < capacity; });
    if (abandoned_)
      return fail(errc::closed, "nobody reads from the pipe any more");
    auto n = std::min(data.size(), capacity - content_.size());
    append(content_, data.first(n));
    data = data.subspan(n);
    changed_.notify_all();
  }
  return {};
}

void byte_pipe::close_writing(std::optional<error> why) {
  std::unique_lock guard{mutex_};
  ended_ = true;
  why_ = std::move(why);
  changed_.notify_all();
}

expected<size_t> byte_pipe::read(std::span<std::byte> dst) {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [this] { return ended_ || used_ < content_.size(); });
  if (used_ == content_.size()) {
    if (why_)
      return fail(*why_);
    return size_t{0};
  }
  auto n = std::min(dst.size(), content_.size() - used_);
  std::copy_n(content_.begin() + static_cast<ptrdiff_t>(used_), n, dst.begin());
  used_ += n;
  if (used_ == content_.size()) {
    content_.clear();
    used_ = 0;
    changed_.notify_all();
  }
  return n;
}

void byte_pipe::close_reading() {
  std::unique_lock guard{mutex_};
  abandoned_ = true;
  changed_.notify_all();
}

} // namespace larder::detail
