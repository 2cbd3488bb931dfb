// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The values that a key actor keeps decoded.

#pragma once

#include "larder/internal/entry.hpp"
#include "larder/internal/statistics.hpp"
#include "larder/value.hpp"

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

namespace larder::internal {

/// Least recently used entries go when the sum of the footprints is over the
/// bound. Holds only what is durable.
class entry_cache {
public:
  entry_cache(size_t max_bytes, actor_statistics& stats)
    : max_bytes_(max_bytes), stats_(stats) {
    // nop
  }

  /// Returns the entry of `key` and marks it as used, or null.
  const entry* find(const value& key);

  /// Adds or replaces. An entry larger than an eighth of the bound is not kept.
  void put(const value& key, entry x);

  void erase(const value& key);

  size_t bytes() const noexcept {
    return bytes_;
  }

private:
  struct item {
    value key;
    entry content;
    size_t cost;
  };

  struct value_hash {
    size_t operator()(const value& x) const noexcept {
      return x.hash();
    }
  };

  using items = boost::multi_index_container<
    item, boost::multi_index::indexed_by<
            boost::multi_index::hashed_unique<
              boost::multi_index::member<item, value, &item::key>, value_hash>,
            boost::multi_index::sequenced<>>>;

  void publish();

  items items_;
  size_t max_bytes_;
  size_t bytes_ = 0;
  actor_statistics& stats_;
};

} // namespace larder::internal
