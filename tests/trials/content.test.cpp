// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/content.hpp"

#include "trials/keys.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace larder;
using namespace trials;

TEST_CASE("a blob tells its version and amount") {
  for (size_t size : {8, 9, 100, 5000}) {
    auto blob = make_blob("key", 42, size, 7);
    auto found = examine("key", blob);
    REQUIRE(found);
    CHECK(found->number == 42);
    CHECK(found->amount == 7);
    CHECK(header::decode(blob)->value_size == size);
  }
}

TEST_CASE("a blob of another key, cut short or changed anywhere is noticed") {
  auto blob = make_blob("key", 42, 300, 7);
  CHECK(!examine("kez", blob));
  for (size_t n = 0; n < blob.size(); ++n)
    CHECK(!examine("key", bytes_view{blob}.first(n)));
  auto amount = header::size_v2 + metadata_size_of(42);
  auto is_free = [&](size_t i) { // what the trial leaves as it is
    return (i >= 1 && i < 4) || (i >= 16 && i < 24)
           || (i >= 40 && i < header::size_v2)
           || (i >= amount && i < amount + 8);
  };
  for (size_t i = 0; i < blob.size(); ++i) {
    auto changed = blob;
    changed[i] ^= std::byte{1};
    CAPTURE(i);
    CHECK((is_free(i) || !examine("key", changed)));
  }
}

TEST_CASE("the metadata can be checked alone") {
  auto blob = make_blob("key", 42, 300);
  auto size = header::size_v2 + metadata_size_of(42);
  auto part = bytes_view{blob}.first(size);
  CHECK(examine_metadata("key", {part, blob.size(), nullptr}) == 42u);
  CHECK(!examine_metadata("key", {part, blob.size() - 1, nullptr}));
  CHECK(!examine_metadata("key", {part.first(size - 1), blob.size(), nullptr}));
}

TEST_CASE("keys of the trial are all different") {
  std::set<std::string> names;
  for (key_index i = 0; i < num_keys; ++i) {
    names.insert(key_name(i));
    CHECK(find_key(key_name(i)) == i);
  }
  CHECK(names.size() == num_keys);
  CHECK(!find_key("\"other"));
}
