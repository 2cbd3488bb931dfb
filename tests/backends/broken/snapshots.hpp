// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends whose snapshots are none.

#pragma once

#include "backends/broken/tools.hpp"

namespace broken {

/// Declares snapshots of the class `Snapshot`, which is made from the backend.
template <class Snapshot>
struct snapshots : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    return std::make_unique<Snapshot>(inner());
  }
};

/// Reads the present.
struct present : backend_snapshot {
  explicit present(backend& x) : store(x) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return store.read(requests);
  }

  expected<list_page> list(const list_request& request) override {
    return store.list(request);
  }

  backend& store;
};

using snapshots_of_the_present = snapshots<present>;

/// Lists the moment and reads the present.
struct torn : present {
  explicit torn(backend& x) : present(x), moment(*x.open_snapshot()) {
    // nop
  }

  expected<list_page> list(const list_request& request) override {
    return moment->list(request);
  }

  std::unique_ptr<backend_snapshot> moment;
};

using torn_snapshots = snapshots<torn>;

/// Takes the moment when it is first used.
struct lazy : present {
  using present::present;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return moment().read(requests);
  }

  expected<list_page> list(const list_request& request) override {
    return moment().list(request);
  }

  backend_snapshot& moment() {
    if (!taken)
      taken = *store.open_snapshot();
    return *taken;
  }

  std::unique_ptr<backend_snapshot> taken;
};

using late_snapshots = snapshots<lazy>;

/// Forgets the chunks of blobs that were replaced: keeps the start of each.
struct headed : torn {
  using torn::torn;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = moment->read(requests);
    auto now = store.read(requests);
    for (size_t i = 0; i < result.size(); ++i)
      if (result[i] && *result[i] && (*result[i])->blob_size > 100'000
          && (!now[i] || !*now[i]))
        result[i] = fail(errc::corruption, "a blob lacks a chunk");
    return result;
  }
};

using snapshots_without_chunks = snapshots<headed>;

/// Copies key by key, and gives others time to commit after the first.
struct copied : present {
  explicit copied(backend& x) : present(x) {
    auto page = x.list({});
    std::optional<read_request> first;
    for (auto& entry : page->entries) {
      read_request one{entry.key, blob_part::all, 0, 0, {}};
      auto found = std::move(x.read({&one, 1})[0]);
      if (found && *found)
        blobs[entry.key] = **found;
      if (!first)
        wait_for_change(first.emplace(one));
    }
  }

  void wait_for_change(const read_request& x) {
    auto before = (*store.read({&x, 1})[0])->owner;
    for (auto n = 0; n < 20'000; ++n) {
      if ((*store.read({&x, 1})[0])->owner != before)
        return;
      std::this_thread::yield();
    }
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_outcome> result;
    for (auto& x : requests) {
      auto i = blobs.find(x.key);
      if (i == blobs.end())
        result.emplace_back(std::nullopt);
      else
        result.emplace_back(i->second);
    }
    return result;
  }

  std::map<std::string, blob_view> blobs;
};

using snapshots_key_by_key = snapshots<copied>;

/// Takes one moment for all that come later.
struct same_snapshot_again : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct shared : backend_snapshot {
    std::vector<read_outcome>
    read(std::span<const read_request> requests) override {
      return moment->read(requests);
    }

    expected<list_page> list(const list_request& request) override {
      return moment->list(request);
    }

    std::shared_ptr<backend_snapshot> moment;
  };

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    if (!moment)
      moment = *inner().open_snapshot();
    auto result = std::make_unique<shared>();
    result->moment = moment;
    return result;
  }

  std::shared_ptr<backend_snapshot> moment;
};

} // namespace broken
