// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_check.hpp"

#include "serializers/archives.hpp"

using namespace larder;
using namespace larder::test;

namespace {

const std::string key = ":k";

uint64_t tail_of(bytes_view blob) {
  auto h = header::decode(blob);
  if (!h || blob.size() < 16)
    return 0;
  return std::min<uint64_t>(blob.size(),
                            detail::archived_tail_size(*h, blob.last(16)));
}

/// Checks a blob whose bytes come `step` at a time, the tail first.
expected<void> check(bytes_view blob, size_t step = 1'000'000,
                     const uuid& store = store_id,
                     const std::string& under = key) {
  auto h = header::decode(blob);
  auto tail = tail_of(blob);
  auto rev = h ? h->rev : revision{};
  detail::blob_check result{store, {under, rev, blob.size(), tail}};
  auto stream = to_bytes(blob.last(tail));
  append(stream, blob.first(blob.size() - tail));
  for (auto rest = bytes_view{stream}; !rest.empty();) {
    auto piece = rest.first(std::min(rest.size(), step));
    if (auto ok = result.update(piece); !ok)
      return ok;
    rest = rest.subspan(piece.size());
  }
  return result.finish();
}

void for_each_blob(const std::function<void(const bytes&)>& f) {
  for (auto& names : all_chains()) {
    INFO(names.joined());
    auto ch = make_chain(names);
    f(make_blob(ch, kw("k"), sample_value()));
    f(make_blob(ch, kw("k"), value{}));
    for (size_t size : {0, 1, 3'000, 262'144, 600'000})
      f(make_binary(ch, kw("k"), sample_bytes(size)));
  }
}

} // namespace

TEST_CASE("blobs of every chain pass the check without a key") {
  for_each_blob([](const bytes& blob) {
    for (size_t step : {size_t{7}, size_t{100'000}, SIZE_MAX}) {
      auto ok = check(blob, step);
      INFO((ok ? "" : to_string(ok.error())));
      REQUIRE(ok);
    }
  });
}

TEST_CASE("a binary's tail has its index") {
  auto ch = make_chain();
  CHECK(tail_of(make_blob(ch, kw("k"), sample_value())) == 0);
  auto small = make_binary(ch, kw("k"), sample_bytes(10));
  CHECK(tail_of(small) == header::decode(small)->value_size);
  CHECK(tail_of(make_binary(ch, kw("k"), sample_bytes(300'000))) == 4096);
  // 262,144 bytes per chunk, 12 of the index each.
  auto many = make_binary(ch, kw("k"), bytes(size_t{400} << 18), 1 << 20);
  CHECK(tail_of(many) == 400 * 12 + 16);
  CHECK(check(many));
}

TEST_CASE("the check notices every flipped bit of a blob") {
  auto ch = make_chain();
  for (auto& blob :
       {make_blob(ch, kw("k"), 1), make_binary(ch, kw("k"), sample_bytes(40))})
    for (size_t bit = 0; bit < blob.size() * 8; ++bit) {
      auto copy = blob;
      copy[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      INFO("bit " << bit);
      // Flag and layout bits may turn it into something else to be refused.
      REQUIRE(!check(copy));
    }
}

TEST_CASE("the check notices flips anywhere in many chunks") {
  auto blob = make_binary(make_chain(), kw("k"), sample_bytes(900'000));
  for (size_t i = 0; i < blob.size(); i += 9'973) {
    auto copy = blob;
    copy[i] ^= std::byte{0x40};
    INFO("byte " << i);
    REQUIRE(!check(copy));
  }
}

TEST_CASE("the check notices blobs that were cut off or go on") {
  for_each_blob([](const bytes& blob) {
    for (size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{64},
                        size_t{70}, blob.size() - 1})
      REQUIRE(!check(bytes_view{blob}.first(std::min(size, blob.size() - 1))));
    auto longer = blob;
    longer.push_back(std::byte{});
    REQUIRE(!check(longer));
  });
}

TEST_CASE("the check notices blobs of another key, store or revision") {
  for_each_blob([](const bytes& blob) {
    CHECK(!check(blob, 1'000'000, uuid_of(9)));
    CHECK(!check(blob, 1'000'000, store_id, ":other"));
    detail::blob_check other{store_id, {key, revision_of(1), blob.size(), 0}};
    CHECK(!other.update(blob));
  });
}

TEST_CASE("blobs of layout 1 have nothing to check") {
  bytes blob(20 + 5);
  blob[0] = std::byte{1};
  blob[7] = std::byte{2};
  CHECK(check(blob));
}

TEST_CASE("a damaged index is refused before its numbers are used") {
  auto blob = make_binary(make_chain(), kw("k"), sample_bytes(300'000));
  auto h = *header::decode(blob);
  for (uint32_t count : {0U, 1U, 300U, 400U, 0xFFFFFFFFU}) {
    auto copy = blob;
    store_big_endian(&copy[copy.size() - 4], count);
    detail::blob_check it{store_id, {key, h.rev, copy.size(), 4096}};
    auto ok = it.update(bytes_view{copy}.last(4096));
    if (ok)
      ok = it.update(bytes_view{copy}.first(copy.size() - 4096));
    if (ok)
      ok = it.finish();
    REQUIRE(!ok);
    CHECK(ok.error() == errc::corruption);
  }
}

TEST_CASE("of plain binaries the check sees header and metadata") {
  auto config = make_config({"cbor", "none", "none"});
  config.plain_binaries = true;
  chain ch{store_id, config};
  for (size_t size : {0, 1, 300'000}) {
    auto blob = make_binary(ch, kw("k"), sample_bytes(size));
    CHECK(check(blob));
    CHECK(check(blob, 7));
    CHECK(tail_of(blob) == 0);
    auto offset = header::decode(blob)->value_offset();
    for (size_t i : {size_t{20}, size_t{60}, size_t{70}, size_t{offset - 1}}) {
      auto damaged = blob;
      damaged[i] ^= std::byte{1};
      CHECK_FALSE(check(damaged));
    }
    blob.push_back(std::byte{1});
    CHECK_FALSE(check(blob));
  }
}
