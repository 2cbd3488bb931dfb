// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Events made up by tests.

#pragma once

#include "larder/internal/watch_buffer.hpp"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace larder::test {

/// The revision with a number in it.
inline revision numbered_revision(uint64_t n) {
  revision result;
  std::memcpy(result.data.data(), &n, sizeof(n));
  return result;
}

inline uint64_t number_of(const revision& x) {
  uint64_t result = 0;
  std::memcpy(&result, x.data.data(), sizeof(result));
  return result;
}

/// A change of `key` with the number `n`, which is its stamp and revision.
inline change_event make_change(value key, uint64_t n, uint64_t batch = 0) {
  change_event result;
  result.key = std::move(key);
  result.rev = numbered_revision(n);
  result.stamp = static_cast<int64_t>(n);
  result.batch = batch;
  return result;
}

/// An event of the size 100 with a number.
inline internal::event_ptr make_event(uint64_t n, uint64_t batch = 0) {
  return new internal::numbered_event{n, 100, make_change("k", n, batch)};
}

/// The numbers of events.
inline std::vector<uint64_t> numbers(const fetch_events_reply& reply) {
  std::vector<uint64_t> result;
  for (auto& x : reply.events)
    result.push_back(number_of(x.rev));
  return result;
}

using list = std::vector<uint64_t>;

} // namespace larder::test
