// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The stores that konserve 0.9.375 itself wrote.

#include "backends/konserve/konserve_tools.hpp"

#include <functional>

using namespace larder;
using namespace larder::test;

namespace {

struct sample_store {
  std::string name;

  bool is_cbor() const {
    return name.starts_with("CBOR");
  }

  bool is_boring() const {
    return name.starts_with("Boring");
  }

  konserve_store open() const {
    std::map<std::string, std::string> options;
    if (name.ends_with("aes"))
      options = {{"key", "s3cr3t"}, {"encryptor", "none"}};
    return konserve_store::open((konserve_samples() / name).string(),
                                std::move(options));
  }
};

std::vector<sample_store> sample_stores() {
  return {
    {"FressianSerializer-none-none"}, {"FressianSerializer-lz4-none"},
    {"FressianSerializer-none-aes"},  {"CBORSerializer-none-none"},
    {"BoringSerializer-none-none"},   {"BoringSerializer-zstd-none"},
    {"BoringSerializer-lz4-aes"},     {"BoringSerializer-archival-none-none"}};
}

value remake(const value& x, const std::function<value(const value&)>& leaf) {
  std::vector<value> items;
  switch (x.type()) {
    case value::kind::vector:
    case value::kind::list:
      for (auto& item : x.items())
        items.push_back(remake(item, leaf));
      return value::vector(std::move(items));
    case value::kind::map: {
      std::vector<value::entry> entries;
      for (auto& [key, val] : x.entries())
        entries.emplace_back(remake(key, leaf), remake(val, leaf));
      return value::map(std::move(entries));
    }
    default:
      return leaf(x);
  }
}

/// What is left of a value in a serializer: CBOR knows no lists, clj-cbor no
/// characters, Fressian no negative zero.
value as_stored(const value& x, const sample_store& store) {
  auto leaf = [&](const value& y) -> value {
    if (store.is_cbor() && y.is(value::kind::character))
      return std::string(1, static_cast<char>(y.as_character()));
    if (!store.is_boring() && y == value{-0.0})
      return 0.0;
    return y;
  };
  return store.is_cbor() || store.is_boring() ? remake(x, leaf) : leaf(x);
}

/// The metadata of all files, as konserve printed them. (It took `(list key)`
/// for a vector in CBOR, so that the names of files there are not all true.)
std::vector<value> read_metadata(const sample_store& store) {
  std::vector<value> result;
  std::ifstream in{konserve_samples() / (store.name + ".keys.edn")};
  for (std::string name, line; in >> name && std::getline(in, line);)
    result.push_back(as_stored(edn(line), store));
  return result;
}

} // namespace

TEST_CASE("every value that konserve has stored is read") {
  if (!have_konserve_samples())
    return;
  auto samples = read_konserve_samples();
  CHECK(samples.size() == 45);
  for (auto& where : sample_stores()) {
    CAPTURE(where.name);
    auto store = where.open();
    for (auto& x : samples) {
      CHECK(file_of(x.key) == x.file_name);
      auto found = store.get(x.key);
      INFO(to_edn(x.key) << ": " << to_edn(found.content));
      CHECK(as_stored(found.content, where) == as_stored(x.content, where));
      CHECK(found.meta.key == x.key);
      CHECK(found.meta.rev.valid());
    }
  }
}

TEST_CASE("every binary that konserve has stored is read") {
  if (!have_konserve_samples())
    return;
  for (auto& where : sample_stores()) {
    CAPTURE(where.name);
    auto store = where.open();
    CHECK(store.read_binary(kw("bin/empty")).value().empty());
    auto text = store.read_binary(kw("bin/string")).value();
    CHECK(text.size() == 25);
    auto small = store.read_binary(kw("bin/small")).value();
    REQUIRE(small.size() == 256);
    for (int i = 0; i < 256; ++i)
      CHECK(std::to_integer<int>(small[size_t(i)]) == i);
    auto big = store.read_binary(kw("bin/big")).value();
    CHECK(big.size() == 70'000);
    CHECK(store.read_binary(kw("bin/big"), 69'990, 100).value()
          == bytes{big.end() - 10, big.end()});
  }
}

TEST_CASE("a listing of what konserve has stored has every key once") {
  if (!have_konserve_samples())
    return;
  for (auto& where : sample_stores()) {
    CAPTURE(where.name);
    auto store = where.open();
    auto metadata = read_metadata(where);
    std::set<std::string> keys;
    for (auto& x : store.list()) {
      INFO(x.key);
      INFO((x.blob ? "" : to_string(x.blob.error())));
      REQUIRE(x.blob);
      CHECK(keys.insert(x.key).second);
      auto meta = store.blobs().decode_metadata(x.key, x.blob->data);
      REQUIRE(meta);
      CHECK(encoded(meta->key) == x.key);
      CHECK(
        (metadata.empty()
         || std::ranges::count(metadata, as_stored(meta->stored_form(), where))
              == 1));
    }
    // 55 files, 3 of them nodes of the log
    CHECK(keys.size() == 52);
    CHECK(store.keys(":bin/").size() == 4);
  }
}

TEST_CASE("append logs of konserve are read whole") {
  if (!have_konserve_samples())
    return;
  for (auto& where : sample_stores()) {
    CAPTURE(where.name);
    auto store = where.open();
    auto log = store.get(kw("my/log"));
    INFO(to_edn(log.content));
    CHECK(log.meta.type == content_type::append_log);
    CHECK(*log.content.find(kw("begin")) == value{0});
    CHECK(*log.content.find(kw("end")) == value{3});
    CHECK(log.content.find(kw("tail"))->size() == 3);
  }
}

TEST_CASE("what konserve has stored can be changed") {
  if (!have_konserve_samples())
    return;
  for (auto& where : sample_stores()) {
    CAPTURE(where.name);
    temp_dir dir;
    copy_sample(where.name, dir);
    std::map<std::string, std::string> options;
    if (where.name.ends_with("aes"))
      options
        = {{"key", "s3cr3t"}, {"encryptor", "aes-cbc"}, {"legacy", "yes"}};
    for (std::string serializer : {"cbor", "fressian"}) {
      auto store = konserve_store::open(dir.path(), options, serializer);
      auto key = edn("(list key)");
      auto rev = store.revision_of(key);
      REQUIRE(store.put(key, serializer, precondition::matches(rev)));
      CHECK(code_of(store.put(key, 2, precondition::matches(rev)))
            == "precondition_failed");
      CHECK(store.get(key).content == value{serializer});
      CHECK(store.keys().size() == 52);
    }
    auto store = konserve_store::open(dir.path(), options);
    REQUIRE(store.erase(kw("k/int")));
    CHECK(store.keys().size() == 51);
    CHECK_FALSE(std::filesystem::exists(dir / file_of(kw("k/int"))));
  }
}

TEST_CASE("a store of konserve's with revisions and fences is read") {
  if (!have_konserve_samples())
    return;
  auto store = sample_store{"pr171-conditional-write"}.open();
  CHECK(store.keys().size() == 2);
  CHECK(store.get(kw("k2")).content == value{42});
  CHECK(store.get(kw("k2")).meta.extras == edn("{}"));
  CHECK(store.revision_of(kw("k2")).valid());
}

TEST_CASE("the old layouts of konserve are told, not hidden") {
  if (!have_konserve_samples())
    return;
  auto store = sample_store{"old-v1"}.open();
  auto entries = store.list();
  CHECK(entries.size() == 3);
  for (auto& x : entries) {
    CHECK_FALSE(decode_key(x.key));
    REQUIRE_FALSE(x.blob);
    CHECK(x.blob.error().message().find("migrate=yes") != std::string::npos);
  }
  // The key whose hash is in a name
  CHECK(code_of(store.read(kw("a"))) == "unsupported");
  CHECK(code_of(store.put(kw("a"), 1)) == "unsupported");
}
