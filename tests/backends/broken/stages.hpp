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

/// A staged blob in another one's place.
struct staged_wrapper : staged_blob {
  expected<void> append(bytes_view data) override {
    return inner->append(data);
  }

  expected<void> set_prefix(bytes_view data) override {
    return inner->set_prefix(data);
  }

  /// Called with the mutation that is about to commit it.
  virtual void committing(mutation&) {
    // nop
  }

  std::shared_ptr<staged_blob> inner;
  std::string key;
  size_t prefix_size = 0;
};

/// Stages blobs of the class `Blob`, and commits what is inside of them.
template <class Blob>
struct stages : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto result = std::make_unique<Blob>();
    result->inner = *inner().stage(key, prefix_size);
    result->key = key;
    result->prefix_size = static_cast<size_t>(prefix_size);
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* y = std::get_if<std::shared_ptr<staged_blob>>(&x.content))
        if (auto* staged = dynamic_cast<Blob*>(y->get())) {
          staged->committing(x);
          *y = std::shared_ptr<staged_blob>{staged->inner};
        }
    return inner().commit(batch);
  }
};

/// Loses the last piece.
struct losing : staged_wrapper {
  expected<void> append(bytes_view data) override {
    return data.size() < 100 ? expected<void>{} : inner->append(data);
  }
};

using staged_too_short = stages<losing>;

/// Takes no other prefix after the first commit, however that ends.
struct spent_at_once : staged_wrapper {
  expected<void> set_prefix(bytes_view data) override {
    if (spent)
      return fail(errc::invalid_argument, "spent");
    return inner->set_prefix(data);
  }

  void committing(mutation&) override {
    spent = true;
  }

  bool spent = false;
};

using staged_once = stages<spent_at_once>;

/// Goes where it was staged for, whatever the mutation says.
struct homing : staged_wrapper {
  void committing(mutation& x) override {
    x.key = key;
  }
};

using stages_for_any_key = stages<homing>;

/// Fills up or cuts a prefix of another size.
struct lenient : staged_wrapper {
  expected<void> set_prefix(bytes_view data) override {
    auto prefix = to_bytes(data);
    prefix.resize(prefix_size);
    return inner->set_prefix(prefix);
  }
};

using takes_any_prefix = stages<lenient>;

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
