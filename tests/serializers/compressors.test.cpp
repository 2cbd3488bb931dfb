// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/unhex.hpp"

#include "larder/codec.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace larder;
using larder::test::unhex;

namespace {

constexpr size_t mebibyte = 1024 * 1024;

std::vector<const compressor*> all() {
  static codec_registry registry;
  return {registry.find_compressor("lz4").value(),
          registry.find_compressor("zstd").value()};
}

const compressor& named(std::string_view name) {
  static codec_registry registry;
  return *registry.find_compressor(name).value();
}

bytes compressed(const compressor& codec, bytes_view in) {
  bytes out;
  REQUIRE(codec.compress(in, out));
  return out;
}

bytes zeros(size_t size) {
  return bytes(size);
}

bytes noise(size_t size) {
  std::minstd_rand engine{static_cast<uint32_t>(size)};
  bytes result(size);
  for (auto& x : result)
    x = static_cast<std::byte>(engine() >> 8);
  return result;
}

/// Words that repeat.
bytes text(size_t size) {
  std::minstd_rand engine{static_cast<uint32_t>(size)};
  std::string result;
  while (result.size() < size)
    result += "word" + std::to_string(engine() % 100) + " ";
  return to_bytes(std::string_view{result}.substr(0, size));
}

} // namespace

TEST_CASE("what is compressed decompresses to the same") {
  for (auto codec : all())
    for (size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{65536},
                        mebibyte, 9 * mebibyte + 1})
      for (auto make : {zeros, noise, text}) {
        INFO(codec->name() << ", " << size << " bytes");
        auto in = make(size);
        auto out = codec->decompress(compressed(*codec, in), size);
        REQUIRE(out);
        CHECK((*out == in));
      }
}

TEST_CASE("compressors append") {
  for (auto codec : all()) {
    auto in = text(1000);
    auto out = unhex("beef");
    REQUIRE(codec->compress(in, out));
    CHECK(to_hex(bytes_view{out}.first(2)) == "beef");
    CHECK((codec->decompress(bytes_view{out}.subspan(2), 1000).value() == in));
    CHECK(out.size() < 600);
  }
}

TEST_CASE("decompressors respect the bound exactly") {
  for (auto codec : all())
    for (auto make : {zeros, noise, text})
      for (size_t size : {size_t{1}, size_t{4096}, size_t{65536}, mebibyte}) {
        INFO(codec->name() << ", " << size << " bytes");
        auto in = compressed(*codec, make(size));
        CHECK(codec->decompress(in, size));
        CHECK(codec->decompress(in, size + 1));
        CHECK(codec->decompress(in, std::numeric_limits<size_t>::max()));
        for (auto bound : {size - 1, size / 2, size_t{0}}) {
          auto res = codec->decompress(in, bound);
          REQUIRE_FALSE(res);
          CHECK(res.error() == errc::limit_exceeded);
        }
      }
}

TEST_CASE("decompressors read what konserve has written") {
  auto lz4 = "04224d1860707301000080"
             "2a"
             "00000000";
  auto zstd = "28b52ffd00580900002a";
  CHECK(to_hex(named("lz4").decompress(unhex(lz4), 100).value()) == "2a");
  CHECK(to_hex(named("zstd").decompress(unhex(zstd), 100).value()) == "2a");
}

TEST_CASE("decompressors refuse every beginning of a frame") {
  for (auto codec : all())
    for (auto make : {zeros, noise, text}) {
      auto frame = compressed(*codec, make(300));
      for (size_t n = 0; n < frame.size(); ++n) {
        INFO(codec->name() << " cut to " << n);
        auto res = codec->decompress(bytes_view{frame}.first(n), mebibyte);
        REQUIRE_FALSE(res);
        CHECK(res.error() == errc::corruption);
      }
    }
}

TEST_CASE("decompressors refuse whatever follows the frame") {
  for (auto codec : all()) {
    auto frame = compressed(*codec, text(300));
    auto twice = frame;
    append(twice, frame);
    auto longer = frame;
    longer.push_back(std::byte{0});
    for (auto& in : {twice, longer}) {
      auto res = codec->decompress(in, mebibyte);
      REQUIRE_FALSE(res);
      CHECK(res.error() == errc::corruption);
    }
  }
}

TEST_CASE("decompressors refuse what is not a plain frame") {
  auto skippable = unhex("502a4d1802000000aabb");
  for (auto codec : all()) {
    auto after = skippable;
    append(after, compressed(*codec, text(10)));
    for (auto& in : {skippable, after, unhex("00"), noise(100)}) {
      auto res = codec->decompress(in, mebibyte);
      REQUIRE_FALSE(res);
      CHECK(res.error() == errc::corruption);
    }
  }
  // Frames that name dictionary 1.
  CHECK_FALSE(named("lz4").decompress(
    unhex("04224d1861700100000000010000802a00000000"), 100));
  CHECK_FALSE(named("zstd").decompress(unhex("28b52ffd2101010900002a"), 100));
}

TEST_CASE("a decompressor works after a failure as before") {
  for (auto codec : all()) {
    auto in = text(100'000);
    auto frame = compressed(*codec, in);
    for (auto n : {frame.size() / 2, frame.size() - 1}) {
      CHECK_FALSE(codec->decompress(bytes_view{frame}.first(n), mebibyte));
      CHECK((codec->decompress(frame, mebibyte).value() == in));
    }
    CHECK_FALSE(codec->decompress(frame, 100));
    CHECK((codec->decompress(frame, mebibyte).value() == in));
  }
}

TEST_CASE("decompressors stop at the bound, not at the end of a bomb") {
  for (auto codec : all()) {
    auto bomb = compressed(*codec, zeros(64 * mebibyte));
    INFO(codec->name() << ": " << bomb.size() << " bytes");
    auto res = codec->decompress(bomb, mebibyte);
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::limit_exceeded);
  }
}

TEST_CASE("zstd does not believe a declared size or window") {
  // A single segment of 2^62 bytes in the header, 1 byte behind it.
  auto huge = unhex("28b52ffde0"
                    "0000000000000040"
                    "0900002a");
  auto res = named("zstd").decompress(huge, std::numeric_limits<size_t>::max());
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::corruption);
  // A window of 2^30 bytes.
  auto window = unhex("28b52ffd00a00900002a");
  res = named("zstd").decompress(window, mebibyte);
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::corruption);
}
