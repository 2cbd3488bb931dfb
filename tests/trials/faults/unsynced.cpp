// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/faults/unsynced.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace trials {

using larder::bytes;
using larder::bytes_view;

namespace {

/// Removes what lies in `[first, last)` and returns it.
unsynced::extents take(unsynced::extents& xs, uint64_t first, uint64_t last) {
  unsynced::extents result;
  auto i = xs.upper_bound(first);
  if (i != xs.begin())
    --i;
  while (i != xs.end() && i->first < last) {
    auto begin = i->first;
    auto end = begin + i->second.size();
    if (end <= first) {
      ++i;
      continue;
    }
    bytes_view all{i->second};
    auto from = std::max(begin, first);
    auto to = std::min(end, last);
    result[from] = larder::to_bytes(all.subspan(from - begin, to - from));
    auto behind = larder::to_bytes(all.subspan(to - begin));
    auto in_front = larder::to_bytes(all.first(from - begin));
    i = xs.erase(i);
    if (!behind.empty())
      xs[to] = std::move(behind);
    if (!in_front.empty())
      xs[begin] = std::move(in_front);
  }
  return result;
}

} // namespace

void unsynced::write(uint64_t offset, uint64_t size, bytes_view old) {
  if (size == 0)
    return;
  bytes before
    = larder::to_bytes(old.first(std::min<size_t>(old.size(), size)));
  before.resize(size); // what is read past the end are zeros
  // What the disk has is known better where it was written before.
  for (auto* known : {&lost_, &pending_})
    for (auto& [at, data] : take(*known, offset, offset + size))
      std::copy(data.begin(), data.end(),
                before.begin() + static_cast<ptrdiff_t>(at - offset));
  pending_[offset] = std::move(before);
}

void unsynced::truncate(uint64_t size) {
  take(lost_, size, UINT64_MAX);
  take(pending_, size, UINT64_MAX);
}

void unsynced::sync_succeeded() {
  pending_.clear();
}

void unsynced::sync_failed() {
  lost_.merge(pending_);
  pending_.clear();
}

} // namespace trials
