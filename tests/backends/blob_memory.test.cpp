// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_memory.hpp"

#include "larder/groups.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

using namespace larder;
using namespace larder::detail;

namespace {

constexpr size_t large = size_t{100} << 10;

} // namespace

TEST_CASE("memory of a large blob is used again for the next of its size") {
  auto first = allocate_blob(large);
  auto* place = first.get();
  auto before = idle_blob_memory();
  first.reset();
  CHECK(idle_blob_memory() >= before + large);
  auto second = allocate_blob(large - 100);
  CHECK(second.get() == place);
  CHECK(idle_blob_memory() == before);
  auto third = allocate_blob(large);
  CHECK(third.get() != place);
}

TEST_CASE("memory of all sizes can be written from end to end") {
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{32767}, size_t{32768}, size_t{32769},
        size_t{65535}, size_t{65695}, (size_t{1} << 20) - 1, size_t{1} << 20,
        (size_t{1} << 20) + 1}) {
    auto x = allocate_blob(size);
    auto y = allocate_blob(size);
    memset(x.get(), 1, size);
    memset(y.get(), 2, size);
    CHECK(std::count(x.get(), x.get() + size, std::byte{1})
          == static_cast<std::ptrdiff_t>(size));
  }
}

TEST_CASE("no more than so much memory is kept for later") {
  std::vector<std::shared_ptr<std::byte[]>> all;
  for (size_t i = 0; i < 3 * max_idle_blob_memory / large; ++i)
    all.push_back(allocate_blob(large));
  all.clear();
  CHECK(idle_blob_memory() <= max_idle_blob_memory);
  CHECK(idle_blob_memory() > max_idle_blob_memory - 2 * large);
}

TEST_CASE("threads never get the same memory") {
  std::vector<std::thread> threads;
  std::vector<int> mixed(4);
  for (auto id = 0; id < 4; ++id)
    threads.emplace_back([id, &mixed] {
      for (auto i = 0; i < 300; ++i) {
        auto mine = allocate_blob(large);
        memset(mine.get(), id, large);
        std::this_thread::yield();
        for (size_t at = 0; at < large; at += 1000)
          mixed[static_cast<size_t>(id)] += mine[at] != std::byte(id);
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(mixed == std::vector<int>(4));
}

TEST_CASE("the memory of a page stays where it is until all let go of it") {
  page_memory page;
  std::vector<std::span<std::byte>> parts;
  for (size_t i = 0; i < 2000; ++i) {
    auto part = page.allocate(i % 300);
    std::ranges::fill(part, static_cast<std::byte>(i));
    parts.push_back(part);
  }
  parts.push_back(page.allocate(size_t{3} << 20));
  auto owner = page.owner();
  page = page_memory{};
  auto good = true;
  for (size_t i = 0; i < 2000; ++i)
    for (auto x : parts[i])
      good = good && x == static_cast<std::byte>(i);
  CHECK(good);
  CHECK(parts.back().size() == size_t{3} << 20);
}

TEST_CASE("mutations without a group come in the order of their keys") {
  std::vector<mutation> batch(6);
  std::string keys = "badcfe";
  for (size_t i = 0; i < batch.size(); ++i)
    batch[i].key = keys[i];
  batch[0].group = 7;
  batch[3].group = 7;
  std::string order;
  for_each_group(batch, [&](std::span<const size_t> members) {
    for (auto i : members)
      order += batch[i].key;
    order += ' ';
  });
  CHECK(order == "a d e f bc ");
}
