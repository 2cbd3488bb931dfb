// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A medium that can be full, and backends that do not bear it.

#pragma once

#include "backends/broken/tools.hpp"

#include "larder/groups.hpp"

namespace broken {

/// Whether the medium of all stores below is full.
inline std::atomic<bool> medium_is_full = false;

/// What an engine makes of a put for which there is no room.
enum class when_full {
  refuse, ///< the sound one
  claim_success,
  blame_the_caller,
  tear,
  erase_first,
  stay_full, ///< for ever
};

template <when_full What>
struct fills_up : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result;
    if (!medium_is_full && !stays_full_)
      return inner().commit(batch);
    stays_full_ = What == when_full::stay_full;
    for (auto& x : batch)
      result.push_back(in_vain(x));
    return result;
  }

  commit_outcome in_vain(mutation& x) {
    auto code = errc::io_error;
    if constexpr (What == when_full::claim_success)
      return commit_result{true};
    if constexpr (What == when_full::blame_the_caller)
      code = errc::invalid_argument;
    if constexpr (What == when_full::tear)
      if (auto* blob = std::get_if<blob_ptr>(&x.content)) {
        auto half
          = put(x.key, {(*blob)->begin(),
                        (*blob)->begin() + ptrdiff_t((*blob)->size() / 2)});
        inner().commit({&half, 1});
      }
    if constexpr (What == when_full::erase_first) {
      auto first = erase(x.key);
      inner().commit({&first, 1});
    }
    return fail(code, "no space left on the medium");
  }

  static inline std::atomic<bool> stays_full_ = false;
};

} // namespace broken
