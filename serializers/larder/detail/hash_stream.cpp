// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/hash_stream.hpp"

#include "larder/detail/xxh3.hpp"

#include <new>

namespace larder::detail {

namespace {

XXH3_state_t* state_of(void* ptr) noexcept {
  return static_cast<XXH3_state_t*>(ptr);
}

} // namespace

hash_stream::hash_stream(uint64_t seed) : state_(XXH3_createState()) {
  if (!state_)
    throw std::bad_alloc{};
  XXH3_64bits_reset_withSeed(state_of(state_.get()), seed);
}

void hash_stream::update(bytes_view data) {
  XXH3_64bits_update(state_of(state_.get()), data.data(), data.size());
}

uint64_t hash_stream::digest() const {
  return XXH3_64bits_digest(state_of(state_.get()));
}

void hash_stream::deleter::operator()(void* ptr) const noexcept {
  XXH3_freeState(state_of(ptr));
}

} // namespace larder::detail
