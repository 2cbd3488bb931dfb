// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends that mix up keys or declare what is not so.

#pragma once

#include "backends/broken/tools.hpp"

namespace broken {

/// Translates keys on the way in, so that some become the same.
template <class Translate>
struct translates_keys : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.key = Translate{}(x.key);
    std::vector<commit_outcome> result;
    for (auto& x : batch) // some may have become the same
      result.push_back(std::move(inner().commit({&x, 1})[0]));
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_request> copy{requests.begin(), requests.end()};
    for (auto& x : copy)
      x.key = Translate{}(x.key);
    return inner().read(copy);
  }
};

struct to_upper {
  std::string operator()(std::string key) const {
    for (auto& c : key)
      if (c >= 'a' && c <= 'z')
        c = static_cast<char>(c - 32);
    return key;
  }
};

struct up_to_null {
  std::string operator()(const std::string& key) const {
    return key.c_str();
  }
};

struct up_to_255 {
  std::string operator()(const std::string& key) const {
    return key.substr(0, 255);
  }
};

template <class Caps>
struct declares : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  capabilities caps() const override {
    auto result = inner().caps();
    Caps{}(result);
    return result;
  }
};

struct small_keys {
  void operator()(capabilities& x) const {
    x.max_key_size = 600;
  }
};

struct small_blobs {
  void operator()(capabilities& x) const {
    x.max_blob_size = 5000;
  }
};

struct no_groups {
  void operator()(capabilities& x) const {
    x.atomic_groups = false;
  }
};

struct no_snapshots {
  void operator()(capabilities& x) const {
    x.snapshots = false;
  }
};

struct no_staging {
  void operator()(capabilities& x) const {
    x.staging = false;
  }
};

struct no_keys {
  void operator()(capabilities& x) const {
    x.max_key_size = 0;
  }
};

struct durable_at_once {
  void operator()(capabilities& x) const {
    x.durable = true;
    x.nonblocking = true;
  }
};

struct durable_too {
  void operator()(capabilities& x) const {
    x.durable = true;
  }
};

struct process_only {
  void operator()(capabilities& x) const {
    x.domain = write_domain::process;
  }
};

struct all_of_the_machine {
  void operator()(capabilities& x) const {
    x.domain = write_domain::machine;
  }
};

} // namespace broken
