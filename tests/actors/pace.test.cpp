// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/pace.hpp"

#include <catch2/catch.hpp>

using larder::internal::pace;
using namespace std::chrono_literals;

namespace {

/// Lets keys be erased that take as long each, until nothing changes any more.
size_t settled(pace& x, std::chrono::microseconds per_key) {
  for (auto i = 0; i < 100; ++i)
    x.took(x.size(), x.size() * per_key);
  return x.size();
}

} // namespace

TEST_CASE("as many keys are erased at a time as take 50 ms") {
  pace x;
  CHECK(settled(x, 1000us) == 50);
  CHECK(settled(x, 3000us) == 16);
  CHECK(settled(x, 100us) == 500);
}

TEST_CASE("the number of keys that are erased at a time is bounded") {
  pace x;
  CHECK(settled(x, 0us) == pace::most);
  CHECK(settled(x, 60s) == pace::least);
  CHECK(settled(x, 1us) == pace::most);
}

TEST_CASE("the number of keys that are erased at a time rises step by step") {
  pace x;
  auto first = x.size();
  x.took(first, 1us);
  CHECK(x.size() == 2 * first);
  x.took(1, 1us); // tells nothing of many
  CHECK(x.size() == 2 * first);
  x.took(1, 50ms + 1us); // but one that takes so long does
  CHECK(x.size() == pace::least);
}
