// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Both dialects of CBOR against what konserve itself has written.

#include "serializers/konserve_samples.hpp"

#include "larder/codec.hpp"
#include "larder/konserve/cipher.hpp"

#include <functional>

using namespace larder;
using namespace larder::test;

namespace {

constexpr size_t blobs_per_store = 55;

const codec_registry& registry() {
  static const codec_registry instance;
  return instance;
}

value kw(std::string_view name) {
  return value::keyword(name);
}

value decoded(const konserve_blob& blob, bytes_view segment) {
  auto codec = registry().find_serializer(blob.serializer).value();
  auto compressor = registry().find_compressor(blob.compressor).value();
  bytes decrypted;
  if (blob.encryptor != 0) {
    static const auto with = konserve::cipher::aes_cbc("s3cr3t").value();
    CHECK(blob.encryptor == with.id());
    auto which = segment.data() == blob.metadata.data()
                   ? konserve::segment::metadata
                   : konserve::segment::value;
    decrypted = with.open(blob.name, which, segment).value();
    segment = decrypted;
  }
  bytes plain;
  if (compressor != nullptr) {
    plain = compressor->decompress(segment, 1 << 20).value();
    segment = plain;
  }
  auto res = codec->decode(segment, limits{});
  INFO(blob.name << ": " << (res ? "" : to_string(res.error())));
  REQUIRE(res);
  return *res;
}

/// Turns lists into vectors, at any depth: CBOR of konserve's does not tell
/// them apart.
value without_lists(const value& x) {
  std::vector<value> items;
  switch (x.type()) {
    case value::kind::list:
    case value::kind::vector:
    case value::kind::set:
      for (auto& item : x.items())
        items.push_back(without_lists(item));
      return x.is(value::kind::set) ? value::set(std::move(items))
                                    : value::vector(std::move(items));
    case value::kind::map: {
      std::vector<value::entry> entries;
      for (auto& [key, val] : x.entries())
        entries.emplace_back(without_lists(key), without_lists(val));
      return value::map(std::move(entries));
    }
    default:
      return x;
  }
}

/// What a store must hold beside the values in the list of values, by key.
value other_content(const value& key) {
  if (key == kw("bin/small")) {
    bytes result;
    for (int i = 0; i < 256; ++i)
      result.push_back(static_cast<std::byte>(i));
    return result;
  }
  if (key == kw("bin/big")) {
    bytes result;
    for (int i = 0; i < 70'000; ++i)
      result.push_back(static_cast<std::byte>(i * 7));
    return result;
  }
  if (key == kw("bin/string"))
    return to_bytes("a string stored as binary");
  if (key == kw("bin/empty"))
    return bytes{};
  if (key == kw("k/with-meta"))
    return "immutable one";
  if (key == kw("k/deep"))
    return value::map({{kw("a"), value::map({{kw("b"), 2}, {kw("c"), 2}})}});
  return {};
}

/// Checks the elements of the append log: a head that names the last and the
/// first, and nodes that name the next.
void check_log(const std::vector<value>& parts) {
  CHECK(parts.size() == 4);
  std::vector<int64_t> entries;
  size_t heads = 0;
  for (auto& x : parts) {
    if (x.is(value::kind::vector)) {
      ++heads;
      REQUIRE(x.size() == 3);
      CHECK(x.items()[0] == kw("append-log"));
      CHECK(x.items()[1].is(value::kind::uuid));
      CHECK(x.items()[2].is(value::kind::uuid));
      continue;
    }
    REQUIRE(x.is(value::kind::map));
    auto next = x.find(kw("next"));
    auto elem = x.find(kw("elem"));
    REQUIRE((next != nullptr && elem != nullptr));
    auto number = elem->find(kw("entry"));
    REQUIRE(number != nullptr);
    entries.push_back(number->as_integer());
    CHECK(next->is(number->as_integer() == 2 ? value::kind::nil
                                             : value::kind::uuid));
  }
  std::sort(entries.begin(), entries.end());
  CHECK(entries == std::vector<int64_t>{0, 1, 2});
  CHECK(heads == 1);
}

/// Checks every blob of a store against the list of values.
/// @param stored turns a value of the list into what this serializer keeps
void check_store(std::string_view store,
                 std::function<value(const value&)> stored) {
  INFO(store);
  auto samples = konserve_samples_by_name();
  auto blobs = konserve_blobs(store);
  CHECK(blobs.size() == blobs_per_store);
  std::vector<value> log;
  size_t listed = 0;
  for (auto& blob : blobs) {
    INFO(blob.name);
    auto meta = decoded(blob, blob.metadata);
    INFO(to_edn(meta));
    REQUIRE(meta.is(value::kind::map));
    auto key = meta.find(kw("key"));
    auto type = meta.find(kw("type"));
    auto last_write = meta.find(kw("last-write"));
    REQUIRE((key != nullptr && type != nullptr && last_write != nullptr));
    REQUIRE(last_write->is(value::kind::instant));
    // All stores were written within one minute.
    CHECK(last_write->as_instant() / 60'000 == 1'795'323'710'539 / 60'000);
    auto has_more = *key == kw("k/with-meta");
    CHECK(meta.size() == (has_more ? 5 : 3));
    if (has_more) {
      CHECK(*meta.find(kw("immutable?")) == true);
      CHECK(*meta.find(kw("extra")) == value::vector({1, 2}));
    }
    if (*type == kw("binary")) {
      CHECK((value{blob.content} == other_content(*key)));
    } else if (*type == kw("append-log")) {
      CHECK(*key == kw("my/log"));
      log.push_back(decoded(blob, blob.content));
    } else {
      CHECK(*type == kw("edn"));
      auto x = decoded(blob, blob.content);
      auto found = samples.find(blob.name);
      if (found == samples.end()) {
        CHECK(x == other_content(*key));
      } else {
        ++listed;
        CHECK(*key == without_lists(found->second.key));
        CHECK(x == stored(without_lists(found->second.content)));
      }
    }
  }
  check_log(log);
  CHECK(listed == samples.size());
}

} // namespace

TEST_CASE("cbor decodes all that konserve's BoringSerializer has written") {
  if (!have_konserve_samples())
    return;
  auto same = [](const value& x) { return x; };
  check_store("BoringSerializer-none-none", same);
  check_store("BoringSerializer-zstd-none", same);
  check_store("BoringSerializer-archival-none-none", same);
  check_store("BoringSerializer-lz4-aes", same);
}

TEST_CASE("clj-cbor decodes all that konserve's CBORSerializer has written") {
  if (!have_konserve_samples())
    return;
  check_store("CBORSerializer-none-none", [](const value& x) {
    if (x == U'x')
      return value{"x"}; // characters become strings
    if (x == -0.0)
      return value{0.0};
    return x;
  });
}

TEST_CASE("cbor encodes what konserve's archival profile wrote to its bytes") {
  if (!have_konserve_samples())
    return;
  auto cbor = registry().find_serializer("cbor").value();
  size_t same = 0;
  std::vector<value> others;
  for (auto& blob : konserve_blobs("BoringSerializer-archival-none-none")) {
    auto meta = decoded(blob, blob.metadata);
    if (*meta.find(kw("type")) == kw("binary"))
      continue;
    auto x = decoded(blob, blob.content);
    bytes again;
    REQUIRE(cbor->encode(x, again, limits{}));
    // The index is left out.
    auto front = bytes_view{blob.content}.first(
      std::min(again.size(), blob.content.size()));
    if (std::ranges::equal(front, again))
      ++same;
    else
      others.push_back(*meta.find(kw("key")));
  }
  // Half and single floats in place of doubles, milliseconds that are 0, and
  // metadata.
  CHECK(value::set(others)
        == value::set({kw("k/float"), kw("k/inf"), kw("k/inst"), kw("k/list"),
                       kw("k/many-maps"), kw("k/nan"), kw("k/neg-zero")}));
  CHECK(same == 51 - others.size());
}
