// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of tiered stores share.

#pragma once

#include "backends/file_tools.hpp"

#include "larder/registry.hpp"
#include "larder/tiered.hpp"

#include <functional>
#include <utility>

namespace tier_tools {

using namespace file_tools;

inline std::shared_ptr<backend> memory() {
  static const backend_registry registry;
  return must((*registry.find("memory"))->create(uri{"memory", {}, {}, {}}));
}

/// Does something at a critical point, and says what it is told to say of its
/// domain. What it does may call the tiered store: that is how another thread
/// would come in between, but at exactly this point. The hooks run once.
class hooked_backend : public backend_wrapper {
public:
  using hook = std::function<void()>;

  hook before_read;
  hook after_read;
  hook before_commit;
  hook after_commit;
  write_domain domain = write_domain::process;

  hooked_backend() : backend_wrapper(memory()) {
    // nop
  }

  capabilities caps() const override {
    auto result = inner().caps();
    result.domain = domain;
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    run(before_commit);
    auto result = inner().commit(batch);
    run(after_commit);
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    run(before_read);
    auto result = inner().read(requests);
    run(after_read);
    return result;
  }

private:
  static void run(hook& f) {
    if (auto once = std::exchange(f, nullptr))
      once();
  }
};

/// A tiered store with hooks at both ends.
struct hooked_tiers {
  explicit hooked_tiers(tier_options options = {},
                        write_domain domain = write_domain::process) {
    back->domain = domain;
    store = std::make_unique<tiered_backend>(back, front, options);
  }

  void put(const std::string& key, uint8_t x) {
    REQUIRE(commit_one(*store, file_tools::put(key, blob(x, "value"))));
  }

  /// The revision of what a key has, 0 if it has nothing.
  int get(const std::string& key) {
    auto found = file_tools::get(*store, key);
    return found ? std::to_integer<int>((*found)[24]) : 0;
  }

  /// What was served since the last call: requests by the front and the back.
  std::pair<uint64_t, uint64_t> served() {
    auto now = store->counts();
    auto result = std::pair{now.hits - last_.hits, now.misses - last_.misses};
    last_ = now;
    return result;
  }

  std::shared_ptr<hooked_backend> back = std::make_shared<hooked_backend>();
  std::shared_ptr<hooked_backend> front = std::make_shared<hooked_backend>();
  std::unique_ptr<tiered_backend> store;

private:
  tier_counts last_;
};

} // namespace tier_tools
