// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/rebinding.hpp"

#include "serializers/archives.hpp"

using namespace larder;
using namespace larder::test;

namespace {

const std::string key = ":k";
const uuid other_id{{std::byte{7}}};

chain config_of(const uuid& store, const chain& like) {
  return chain{store, like.config()};
}

chain clear_chain() {
  return make_chain({"cbor", "lz4", "none"});
}

/// One blob of each kind and size.
std::vector<bytes> blobs_of(const chain& ch) {
  std::vector<bytes> result{make_blob(ch, kw("k"), sample_value()),
                            make_blob(ch, kw("k"), value{})};
  for (size_t size : {0, 1, 3'000, 262'144, 600'000})
    result.push_back(make_binary(ch, kw("k"), sample_bytes(size)));
  return result;
}

/// Rebinds a blob whose value comes `step` bytes at a time.
expected<bytes> in_pieces(bytes_view blob, size_t step) {
  auto h = *header::decode(blob);
  auto end = detail::index_offset(h, blob.last(16));
  REQUIRE(end);
  detail::rebinding work{store_id, other_id, key};
  auto ok = work.begin(to_bytes(blob.first(h.value_offset())),
                       to_bytes(blob.subspan(*end)));
  auto value = blob.subspan(h.value_offset(), *end - h.value_offset());
  for (auto rest = value; ok && !rest.empty();) {
    auto piece = rest.first(std::min(rest.size(), step));
    ok = work.update(piece);
    rest = rest.subspan(piece.size());
  }
  if (ok)
    ok = work.finish();
  if (!ok)
    return fail(ok.error());
  auto result = work.prefix();
  append(result, value);
  append(result, work.index());
  return result;
}

} // namespace

TEST_CASE("a rebound blob is the other store's, and has the same segments") {
  for (auto& names : all_chains()) {
    INFO(names.joined());
    auto ch = make_chain(names);
    auto other = config_of(other_id, ch);
    for (auto& blob : blobs_of(ch)) {
      auto moved = detail::rebind(store_id, other_id, key, blob);
      if (header::decode(blob)->encryptor_id != 0) {
        REQUIRE(!moved);
        CHECK(moved.error() == errc::unsupported);
        continue;
      }
      REQUIRE(moved);
      CHECK(!ch.decode(key, *moved));
      auto before = ch.decode(key, blob);
      auto after = other.decode(key, *moved);
      REQUIRE(before);
      REQUIRE(after);
      CHECK(after->content == before->content);
      CHECK(after->meta.to_value() == before->meta.to_value());
      REQUIRE(moved->size() == blob.size());
      auto back = detail::rebind(other_id, store_id, key, *moved);
      REQUIRE(back);
      CHECK(*back == blob);
    }
  }
}

TEST_CASE("a blob is rebound piece by piece as it is at once") {
  auto ch = clear_chain();
  for (auto& blob : blobs_of(ch)) {
    auto whole = detail::rebind(store_id, other_id, key, blob);
    REQUIRE(whole);
    for (size_t step : {size_t{1'000}, size_t{262'144}, SIZE_MAX}) {
      auto moved = in_pieces(blob, step);
      REQUIRE(moved);
      CHECK(*moved == *whole);
    }
  }
}

TEST_CASE("a damaged blob is not rebound") {
  auto ch = clear_chain();
  for (auto& blob :
       {make_blob(ch, kw("k"), 1), make_binary(ch, kw("k"), sample_bytes(40))})
    for (size_t i = 0; i < blob.size(); ++i) {
      auto bad = blob;
      bad[i] ^= std::byte{4};
      INFO(i);
      CHECK(!detail::rebind(store_id, other_id, key, bad));
      CHECK(
        !detail::rebind(store_id, other_id, key, bytes_view{blob}.first(i)));
    }
}

TEST_CASE("a blob of another key or store is not rebound") {
  auto blob = make_blob(clear_chain(), kw("k"), 1);
  CHECK(!detail::rebind(other_id, store_id, key, blob));
  CHECK(!detail::rebind(store_id, other_id, ":other", blob));
  blob.push_back(std::byte{0});
  CHECK(!detail::rebind(store_id, other_id, key, blob));
}

TEST_CASE("a value that goes on behind its end is not rebound") {
  auto blob = make_binary(clear_chain(), kw("k"), sample_bytes(40));
  auto h = *header::decode(blob);
  auto end = *detail::index_offset(h, bytes_view{blob}.last(16));
  detail::rebinding work{store_id, other_id, key};
  REQUIRE(work.begin(to_bytes(bytes_view{blob}.first(h.value_offset())),
                     to_bytes(bytes_view{blob}.subspan(end))));
  CHECK(!work.finish());
  REQUIRE(work.update(
    bytes_view{blob}.subspan(h.value_offset(), end - h.value_offset())));
  CHECK(!work.update(bytes_view{blob}.first(1)));
}
