// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/keep_set.hpp"

#include "larder/key.hpp"

namespace larder::internal {

namespace {

/// What a key takes up besides its own bytes.
constexpr size_t overhead = 64;

} // namespace

expected<keep_set::added> keep_set::add(const value& key, uint32_t walk) {
  auto encoded = encode_key(key);
  if (!encoded)
    return fail(std::move(encoded.error()));
  auto cost = encoded->size() + overhead;
  auto i = keys_.find(*encoded);
  if (i != keys_.end()) {
    auto is_first = i->second != walk && walk != 0;
    if (is_first)
      i->second = walk;
    return added{&i->first, false, is_first};
  }
  if (bytes_ + cost > max_bytes_)
    return fail(errc::limit_exceeded,
                "the keys to keep take up more than "
                  + std::to_string(max_bytes_)
                  + " bytes: raise store_config::max_keep_bytes, or use a "
                    "predicate");
  bytes_ += cost;
  i = keys_.emplace(std::move(*encoded), walk).first;
  return added{&i->first, true, walk != 0};
}

} // namespace larder::internal
