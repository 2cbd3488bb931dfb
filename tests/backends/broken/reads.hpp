// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends that read wrongly.

#pragma once

#include "backends/broken/tools.hpp"

namespace broken {

struct creates_on_read : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    for (size_t i = 0; i < result.size(); ++i)
      if (!*result[i]) {
        auto ghost = put(requests[i].key, {});
        inner().commit({&ghost, 1});
      }
    return result;
  }
};

/// Changes the requests on the way in.
template <class Change>
struct changes_reads : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_request> copy{requests.begin(), requests.end()};
    for (auto& x : copy)
      Change{}(x);
    return inner().read(copy);
  }
};

struct ignore_pin {
  void operator()(read_request& x) const {
    x.pinned.reset();
  }
};

struct shift_range {
  void operator()(read_request& x) const {
    if (x.offset >= 4096)
      --x.offset;
  }
};

struct header_for_metadata {
  void operator()(read_request& x) const {
    if (x.part == blob_part::metadata)
      x.part = blob_part::header;
  }
};

struct fails_on_missing : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    for (auto& x : result)
      if (x && !*x)
        x = fail(errc::not_found, "no such key");
    return result;
  }
};

struct reads_backwards : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    std::reverse(result.begin(), result.end());
    return result;
  }
};

/// Hands out a buffer that the next read overwrites.
struct reuses_its_buffer : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    for (auto& x : result)
      if (x && *x && (*x)->data.size() <= buffer_->size()) {
        std::copy((*x)->data.begin(), (*x)->data.end(), buffer_->begin());
        (*x)->data = bytes_view{*buffer_}.first((*x)->data.size());
        (*x)->owner = buffer_;
      }
    return result;
  }

  std::shared_ptr<bytes> buffer_ = std::make_shared<bytes>(1000);
};

} // namespace broken
