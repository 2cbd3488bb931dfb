// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The keys that a sweep spares.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace larder::internal {

/// An exact set of encoded keys, bounded in bytes. Each key remembers the last
/// walk (see marker.hpp) that has come past it.
class keep_set {
public:
  explicit keep_set(size_t max_bytes) : max_bytes_(max_bytes) {
    // nop
  }

  /// What `add` has done.
  struct added {
    const std::string* encoded; ///< good as long as the set
    bool is_new;                ///< to the set
    bool is_first;              ///< that this walk has come past it
  };

  /// Adds a key.
  /// @param walk the number of a walk; 0: none
  /// @returns `limit_exceeded`, and the errors of `encode_key`
  expected<added> add(const value& key, uint32_t walk);

  bool contains(const std::string& encoded) const {
    return keys_.contains(encoded);
  }

  size_t size() const noexcept {
    return keys_.size();
  }

private:
  size_t max_bytes_;
  size_t bytes_ = 0;
  std::unordered_map<std::string, uint32_t> keys_;
};

} // namespace larder::internal
