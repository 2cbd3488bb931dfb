// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Where values keep text and bytes, and what they share.

#include "serializers/blobs.hpp"

#include "larder/detail/segment.hpp"
#include "larder/value.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace larder;
using namespace larder::test;

namespace {

constexpr size_t sizes[] = {0, 1, 15, 16, 255, 256, 257, 4096, 100'000};

/// Memory of which one can tell whether it is still needed.
std::shared_ptr<const std::string> some_text(size_t size) {
  std::string result;
  for (size_t i = 0; i < size; ++i)
    result += static_cast<char>('a' + i % 26);
  return std::make_shared<const std::string>(std::move(result));
}

bool lies_within(bytes_view part, bytes_view all) {
  return part.data() >= all.data()
         && part.data() + part.size() <= all.data() + all.size();
}

/// A chain that stores values as they are.
chain plain_chain() {
  return make_chain({"cbor", "none", "none"});
}

std::shared_ptr<const bytes> blob_of(const chain& ch, const value& content) {
  auto blob = ch.encode(encoded("k"), meta_of("k"), content);
  REQUIRE(blob);
  return std::make_shared<const bytes>(std::move(*blob));
}

} // namespace

TEST_CASE("text and bytes are the same wherever they are kept") {
  for (auto size : sizes) {
    auto text = some_text(size);
    std::vector<value> strings{
      value{*text}, value{std::string{*text}}, value{std::string_view{*text}},
      value{text->c_str()}, value::shared_string(*text, text)};
    for (auto& x : strings) {
      CHECK(x.as_string() == *text);
      CHECK(x.size() == size);
      CHECK(x == strings[0]);
      CHECK_FALSE((x < strings[0] || strings[0] < x));
      CHECK(x.hash() == strings[0].hash());
    }
    std::vector<value> blobs{value{to_bytes(*text)}, value{as_bytes(*text)},
                             value::shared_bytes(as_bytes(*text), text)};
    for (auto& x : blobs) {
      CHECK(as_chars(x.as_bytes()) == *text);
      CHECK(x == blobs[0]);
      CHECK(x != strings[0]);
      CHECK(x.hash() == blobs[0].hash());
    }
  }
}

TEST_CASE("a string that is given away is not copied if it is large") {
  std::string text(1000, 'x');
  auto* place = text.data();
  value x{std::move(text)};
  CHECK(x.as_string().data() == place);
}

TEST_CASE("shared text lives as long as a value refers to it") {
  auto text = some_text(10);
  std::weak_ptr<const std::string> watch = text;
  auto x = value::shared_string(*text, text);
  auto y = value::shared_bytes(as_bytes(*text), text);
  CHECK(x.as_string().data() == text->data());
  CHECK(y.as_bytes().data() == as_bytes(*text).data());
  text.reset();
  auto copy = x;
  x = value{};
  CHECK(copy.as_string() == "abcdefghij");
  copy = value{};
  CHECK_FALSE(watch.expired());
  y = value{};
  CHECK(watch.expired());
}

TEST_CASE("empty collections are one for all and never change") {
  auto x = value::map();
  auto y = value::map();
  CHECK(x.entries().empty());
  CHECK(std::move(x).with("k", 1).size() == 1);
  CHECK(y.entries().empty());
  CHECK(value::map() == y);
  auto items = value::vector().take_items();
  items.emplace_back(1);
  CHECK(value::vector().items().empty());
  CHECK(value::vector() != value::list());
  CHECK(value::set().depth() == 1);
  CHECK(value::vector({value::list()}).depth() == 2);
}

TEST_CASE("threads make and drop empty collections and copies") {
  auto shared = value::vector({value::map(), some_text(300)->c_str()});
  std::vector<std::thread> threads;
  for (auto i = 0; i < 4; ++i)
    threads.emplace_back([shared] {
      for (auto n = 0; n < 1000; ++n) {
        std::vector<value> copies{shared, value::map(), value::set()};
        copies.push_back(value::vector(copies));
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(shared.items()[0] == value::map());
}

// -- values that share their blob ---------------------------------------------

TEST_CASE("a value that is most of its blob is not copied out of it") {
  auto ch = plain_chain();
  auto text = some_text(10'000);
  for (auto& content : {value{*text}, value{to_bytes(*text)}}) {
    auto blob = blob_of(ch, content);
    auto in_place = ch.decode(encoded("k"), *blob, blob);
    auto copied = ch.decode(encoded("k"), *blob);
    REQUIRE(in_place);
    REQUIRE(copied);
    CHECK(in_place->content == content);
    CHECK(copied->content == content);
    auto view = [](const value& x) {
      return x.is(value::kind::bytes) ? x.as_bytes() : as_bytes(x.as_string());
    };
    CHECK(lies_within(view(in_place->content), *blob));
    CHECK_FALSE(lies_within(view(copied->content), *blob));
    std::weak_ptr<const bytes> watch = blob;
    blob.reset();
    CHECK(in_place->content == content);
    in_place->content = value{};
    CHECK(watch.expired());
  }
}

TEST_CASE("a blob is let go that is much larger than what is decoded") {
  auto text = some_text(10'000);
  auto parts = value::vector({*text, value{to_bytes(*text)}, *text});
  for (auto& [ch, content] :
       {std::pair{plain_chain(), parts},
        std::pair{plain_chain(), value{"short"}},
        std::pair{make_chain({"cbor", "lz4", "none"}), value{*text}},
        std::pair{make_chain({"cbor", "none", "xaes-gcm"}), value{*text}},
        std::pair{make_chain({"edn", "none", "none"}), value{*text}}}) {
    auto blob = blob_of(ch, content);
    auto doc = ch.decode(encoded("k"), *blob, blob);
    REQUIRE(doc);
    CHECK(doc->content == content);
    CHECK(blob.use_count() == 1);
  }
}

TEST_CASE("damage is found whether or not a value shares its blob") {
  auto ch = plain_chain();
  auto good = blob_of(ch, value{*some_text(5000)});
  for (size_t i = 0; i < good->size(); i += i < 300 ? 1 : 97) {
    auto bad = std::make_shared<bytes>(*good);
    (*bad)[i] ^= std::byte{0x10};
    auto in_place = ch.decode(encoded("k"), *bad, bad);
    auto copied = ch.decode(encoded("k"), *bad);
    INFO(i);
    REQUIRE_FALSE(in_place);
    REQUIRE_FALSE(copied);
    CHECK(in_place.error() == copied.error());
  }
}

TEST_CASE("a checksum is that of the binding, however long the key") {
  auto part = to_bytes("header");
  for (size_t size : {0, 1, 400, 460, 461, 462, 463, 464, 465, 500, 5000}) {
    std::string key(size, 'k');
    detail::segment_place place{"context", store_id, key, part};
    auto data = as_bytes("segment");
    CHECK(place.binding() == detail::binding("context", store_id, key, part));
    CHECK(place.checksum(data) == detail::checksum(place.binding(), data));
  }
}
