// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends that stage wrongly.

#pragma once

#include "backends/broken/tools.hpp"

namespace broken {

/// Puts what was staged as soon as it is discarded.
struct leaks_staged : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct leaking : staged_blob {
    leaking(backend& store, std::string_view key, uint64_t prefix_size)
      : store_(store), key_(key), blob_(prefix_size) {
      // nop
    }

    ~leaking() override {
      auto x = put(key_, std::move(blob_));
      store_.commit({&x, 1});
    }

    expected<void> append(bytes_view data) override {
      larder::append(blob_, data);
      return {};
    }

    expected<void> set_prefix(bytes_view data) override {
      std::copy(data.begin(), data.end(), blob_.begin());
      return {};
    }

    backend& store_;
    std::string key_;
    bytes blob_;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    return std::make_unique<leaking>(inner(), key, prefix_size);
  }
};

/// Loses the last piece.
struct staged_too_short : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct losing : staged_blob {
    expected<void> append(bytes_view data) override {
      if (data.size() < 100)
        return {};
      return inner->append(data);
    }

    expected<void> set_prefix(bytes_view data) override {
      return inner->set_prefix(data);
    }

    std::shared_ptr<staged_blob> inner;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto result = std::make_unique<losing>();
    result->inner = *inner().stage(key, prefix_size);
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* y = std::get_if<std::shared_ptr<staged_blob>>(&x.content))
        *y = std::shared_ptr<staged_blob>{static_cast<losing&>(**y).inner};
    return inner().commit(batch);
  }
};

/// Takes no other prefix after the first commit, however that ends.
struct staged_once : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct once : staged_blob {
    expected<void> append(bytes_view data) override {
      return inner->append(data);
    }

    expected<void> set_prefix(bytes_view data) override {
      if (spent)
        return fail(errc::invalid_argument, "spent");
      return inner->set_prefix(data);
    }

    std::shared_ptr<staged_blob> inner;
    bool spent = false;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto result = std::make_unique<once>();
    result->inner = *inner().stage(key, prefix_size);
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* y = std::get_if<std::shared_ptr<staged_blob>>(&x.content)) {
        auto& staged = static_cast<once&>(**y);
        staged.spent = true;
        *y = std::shared_ptr<staged_blob>{staged.inner};
      }
    return inner().commit(batch);
  }
};

/// Shows a blob while it is being staged.
struct lists_staged : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto early = put(std::string{key}, {});
    early.condition = precondition::absent();
    inner().commit({&early, 1});
    return inner().stage(key, prefix_size);
  }
};

} // namespace broken
