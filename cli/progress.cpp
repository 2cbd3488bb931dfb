// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace larder::cli {

namespace {

constexpr size_t width = 40;

constexpr auto pause = std::chrono::milliseconds{100};

constexpr const char* wipe = "\r\x1B[K";

} // namespace

progress_bar::progress_bar(std::optional<uint64_t> total)
  : total_(total), on_(::isatty(STDERR_FILENO) == 1) {
  // nop
}

progress_bar::~progress_bar() {
  clear();
}

void progress_bar::clear() {
  if (on_)
    std::fputs(wipe, stderr);
}

void progress_bar::update(uint64_t bytes, uint64_t records) {
  if (!on_ || clock::now() < next_)
    return;
  next_ = clock::now() + pause;
  std::string bar;
  if (total_ && *total_ > 0) {
    auto part = std::min(1.0, static_cast<double>(bytes)
                                / static_cast<double>(*total_));
    auto done = static_cast<size_t>(part * width);
    bar = fmt::format("[{}{}] {:3.0f} % ", std::string(done, '#'),
                      std::string(width - done, '.'), part * 100);
  }
  fmt::print(stderr, "{}{}{} records", wipe, bar, records);
  std::fflush(stderr);
}

} // namespace larder::cli
