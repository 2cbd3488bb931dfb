// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/key_gate.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using larder::detail::key_gate;

namespace {

key_gate::key_set bits(std::initializer_list<size_t> xs) {
  key_gate::key_set result;
  for (auto x : xs)
    result.set(x);
  return result;
}

} // namespace

TEST_CASE("commits without a common key pass the gate at the same time") {
  key_gate gate;
  key_gate::pass first{gate, bits({1, 2})};
  key_gate::pass second{gate, bits({3, 4095})};
  key_gate::pass nothing{gate, bits({})};
  SUCCEED("nobody waited");
}

TEST_CASE("commits with a common key exclude each other") {
  constexpr int num_threads = 4;
  constexpr int rounds = 500;
  key_gate gate;
  int shared = 0; // guarded by bit 7 alone
  std::atomic<int> inside = 0;
  std::atomic<int> collisions = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < num_threads; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        key_gate::pass pass{gate, bits({7, 100 + i})};
        if (++inside != 1)
          ++collisions;
        ++shared;
        --inside;
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(collisions == 0);
  CHECK(shared == num_threads * rounds);
}

TEST_CASE("a commit of many keys is not overtaken by those that come later") {
  key_gate gate;
  std::vector<int> order; // guarded by bit 2
  auto first = std::make_unique<key_gate::pass>(gate, bits({1}));
  std::thread many{[&] {
    key_gate::pass pass{gate, bits({1, 2})};
    order.push_back(1);
  }};
  while (gate.size() < 2)
    std::this_thread::yield();
  std::thread late{[&] {
    key_gate::pass pass{gate, bits({2})};
    order.push_back(2);
  }};
  while (gate.size() < 3)
    std::this_thread::yield();
  CHECK(order.empty()); // bit 2 is free, yet the one before waits for it
  first = nullptr;
  many.join();
  late.join();
  CHECK(order == std::vector<int>{1, 2});
}
