// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends with a careless life cycle.

#pragma once

#include "backends/broken/tools.hpp"

#include "larder/uuid.hpp"

namespace broken {

struct new_identity : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  const uuid& id() const override {
    return id_;
  }

  uuid id_ = uuid::random();
};

/// Erases one key when it is opened.
struct changes_on_open : backend_wrapper {
  explicit changes_on_open(std::shared_ptr<backend> x)
    : backend_wrapper(std::move(x)) {
    mutation first{"a", std::monostate{}, {}};
    inner().commit({&first, 1});
  }
};

/// Brings back on opening what was erased before.
struct resurrects : backend_wrapper {
  explicit resurrects(std::shared_ptr<backend> x)
    : backend_wrapper(std::move(x)) {
    std::lock_guard guard{mutex_};
    for (auto& [key, blob] : erased_[id()]) {
      mutation again{key, blob, precondition::absent()};
      inner().commit({&again, 1});
    }
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::lock_guard guard{mutex_};
    for (auto& x : batch) {
      read_request request{x.key, blob_part::all, 0, 0, {}};
      auto old = std::move(*inner().read({&request, 1})[0]);
      if (std::holds_alternative<std::monostate>(x.content) && old)
        erased_[id()][x.key]
          = std::make_shared<const bytes>(to_bytes(old->data));
    }
    return inner().commit(batch);
  }

  static inline std::mutex mutex_;
  static inline std::map<uuid, std::map<std::string, blob_ptr>> erased_;
};

/// Acknowledges writes that it keeps for later, and loses the last of them when
/// it is closed: it has forgotten to sync.
struct forgets_to_sync : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  ~forgets_to_sync() override {
    for (auto& [key, blob] : before_) {
      mutation back{key, std::monostate{}, {}};
      if (blob)
        back.content = blob;
      inner().commit({&back, 1});
    }
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::lock_guard guard{mutex_};
    before_.clear();
    for (auto& x : batch) {
      read_request request{x.key, blob_part::all, 0, 0, {}};
      auto old = std::move(*inner().read({&request, 1})[0]);
      before_[x.key] = old ? std::make_shared<const bytes>(to_bytes(old->data))
                           : nullptr;
    }
    return inner().commit(batch);
  }

  std::mutex mutex_;
  std::map<std::string, blob_ptr> before_;
};

/// Has figures that no table of metrics takes.
template <class Figure>
struct has_figure : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<engine_figure> figures() const override {
    return {Figure{}()};
  }
};

struct shouted_figure {
  engine_figure operator()() const {
    return {"Keys in Store", 1};
  }
};

struct total_that_falls {
  engine_figure operator()() const {
    static std::atomic<uint64_t> next = 1'000'000'000;
    return {"reads-total", --next};
  }
};

/// The memory engine with something changed.
template <class F>
engine changed_engine(F change) {
  auto result = memory_engine();
  change(result, memory_engine());
  return result;
}

/// A second opener gets a store of its own under the same name.
inline engine opens_another() {
  return changed_engine([](engine& x, const engine& sound) {
    x.open = [sound](const uri& where) {
      auto result = sound.open(where);
      if (!result && result.error() == errc::locked)
        return sound.create(uri{"memory", {}, {}, {}});
      return result;
    };
  });
}

/// Leaves the content for the store that comes next.
inline engine leaves_content() {
  struct collects : backend_wrapper {
    collects(std::shared_ptr<backend> x, blob_ptr& left)
      : backend_wrapper(std::move(x)), left_(left) {
      // nop
    }

    std::vector<commit_outcome> commit(std::span<mutation> batch) override {
      for (auto& x : batch)
        if (auto* blob = std::get_if<blob_ptr>(&x.content);
            blob && x.key == "key 7")
          left_ = *blob;
      return inner().commit(batch);
    }

    blob_ptr& left_;
  };
  return changed_engine([](engine& x, const engine& sound) {
    auto left = std::make_shared<blob_ptr>();
    x.create
      = [sound, left](const uri& where) -> expected<std::unique_ptr<backend>> {
      auto result = sound.create(where);
      if (!result)
        return result;
      if (*left) {
        mutation again{"key 7", *left, {}};
        (*result)->commit({&again, 1});
      }
      return std::make_unique<collects>(std::move(*result), *left);
    };
  });
}

/// Makes a store by asking for it.
inline engine creates_by_asking() {
  return changed_engine([](engine& x, const engine& sound) {
    x.exists = [sound](const uri& where) -> expected<bool> {
      return !sound.create(where).has_value();
    };
  });
}

} // namespace broken
