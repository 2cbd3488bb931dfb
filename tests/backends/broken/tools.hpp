// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the deliberately broken backends share.

#pragma once

#include "larder/compliance.hpp"
#include "larder/wrappers.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace broken {

using namespace larder;

using blob_ptr = std::shared_ptr<const bytes>;

inline engine memory_engine() {
  return **backend_registry{}.find("memory");
}

inline mutation put(const std::string& key, bytes blob) {
  return {key, std::make_shared<const bytes>(std::move(blob)), {}};
}

inline mutation erase(const std::string& key) {
  return {key, std::monostate{}, {}};
}

/// An engine with a wrapper around every store.
template <class Wrapper>
engine wrapped(engine result = memory_engine()) {
  auto wrap = [](auto f) {
    return [f](const uri& x) -> expected<std::unique_ptr<backend>> {
      auto inner = f(x);
      if (!inner)
        return inner;
      return std::make_unique<Wrapper>(std::move(*inner));
    };
  };
  result.create = wrap(result.create);
  result.open = wrap(result.open);
  return result;
}

/// A wrapper that changes every blob to put, before it is put.
template <class Change>
struct changes_blobs : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<blob_ptr>(&x.content)) {
        auto copy = **blob;
        Change{}(copy);
        *blob = std::make_shared<const bytes>(std::move(copy));
      }
    return inner().commit(batch);
  }
};

} // namespace broken
