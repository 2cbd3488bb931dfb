// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/konserve_samples.hpp"
#include "serializers/unhex.hpp"

#include "larder/codec.hpp"
#include "larder/konserve/cipher.hpp"
#include "larder/konserve/lz4_frame.hpp"

using namespace larder;
using namespace larder::test;

namespace {

const compressor& lz4() {
  static const codec_registry registry;
  return *registry.find_compressor("lz4").value();
}

bytes numbers(size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i)
    result += std::to_string(i * i);
  return to_bytes(result);
}

bytes frame_of(bytes_view content) {
  bytes out;
  REQUIRE(lz4().compress(content, out));
  return out;
}

/// Decompresses as blobs of konserve are.
expected<bytes> read(bytes_view frame) {
  bytes buffer;
  return lz4().decompress(konserve::with_end_mark(frame, buffer), 1 << 25);
}

constexpr size_t header_size = 7;
constexpr size_t mark_size = 4;

} // namespace

TEST_CASE("an LZ4 frame of konserve is read without its end mark, cut anywhere "
          "else it is refused") {
  for (size_t count : {1, 100, 2000}) {
    auto content = numbers(count);
    auto frame = frame_of(content);
    for (size_t n = 0; n <= frame.size(); ++n) {
      INFO("cut to " << n << " of " << frame.size());
      auto res = read(bytes_view{frame}.first(n));
      if (n == frame.size() || n + mark_size == frame.size()) {
        CHECK((res == content));
      } else {
        REQUIRE_FALSE(res);
        CHECK(res.error() == errc::corruption);
      }
    }
    CHECK_FALSE(lz4().decompress(
      bytes_view{frame}.first(frame.size() - mark_size), 1 << 20));
  }
}

TEST_CASE("an LZ4 frame of several blocks is read without its end mark") {
  auto content = numbers(800'000);
  REQUIRE(content.size() > size_t{8} << 20);
  auto frame = frame_of(content);
  frame.resize(frame.size() - mark_size);
  CHECK((read(frame) == content));
  frame.pop_back();
  CHECK(read(frame).error() == errc::corruption);
}

TEST_CASE("only a whole LZ4 frame without mark gets one") {
  auto check_untouched = [](bytes_view frame) {
    bytes buffer;
    auto result = konserve::with_end_mark(frame, buffer);
    CHECK(result.data() == frame.data());
    CHECK(result.size() == frame.size());
  };
  auto frame = frame_of(numbers(100));
  check_untouched(frame);
  check_untouched({});
  check_untouched(bytes_view{frame}.first(header_size));
  auto twice = frame;
  append(twice, frame);
  check_untouched(twice);
  // With a checksum of the content the mark is not the end.
  check_untouched(unhex("04224d1864707301000080"
                        "2a"));
  bytes buffer;
  auto marked
    = konserve::with_end_mark(unhex("04224d18607073010000802a"), buffer);
  CHECK(to_hex(marked) == "04224d18607073010000802a00000000");
}

TEST_CASE("only segments that LZ4 has made get a mark in place") {
  auto whole = frame_of(numbers(100));
  auto cut = to_bytes(bytes_view{whole}.first(whole.size() - mark_size));
  auto marked = [](uint8_t compressor_id, bytes segment) {
    konserve::add_end_mark(compressor_id, segment);
    return segment;
  };
  CHECK((marked(konserve::lz4_id, cut) == whole));
  CHECK((marked(konserve::lz4_id, whole) == whole));
  CHECK((marked(0, cut) == cut));
  CHECK((marked(2, cut) == cut));
  CHECK(marked(konserve::lz4_id, {}).empty());
}

TEST_CASE("LZ4 frames of konserve hold the exact bytes of its serializer") {
  if (!have_konserve_samples())
    return;
  std::map<std::string, bytes> plain;
  for (auto& blob : konserve_blobs("FressianSerializer-none-none"))
    plain.emplace(blob.name, blob.content);
  size_t same = 0;
  for (auto& blob : konserve_blobs("FressianSerializer-lz4-none")) {
    INFO(blob.name);
    auto meta = read(blob.metadata);
    REQUIRE(meta);
    auto is = [&](std::string_view type) {
      return as_chars(*meta).find(type) != std::string_view::npos;
    };
    if (is("binary") || is("append-log"))
      continue;
    auto content = blob.content;
    CHECK((read(content) == plain.at(blob.name)));
    content.resize(content.size() - mark_size);
    CHECK((read(content) == plain.at(blob.name)));
    ++same;
  }
  CHECK(same == 47);
}
