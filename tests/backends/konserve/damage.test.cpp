// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/konserve/konserve_tools.hpp"

using namespace larder;
using namespace larder::test;

namespace {

const std::string gcm_key(64, 'a');

/// The entries of a listing that cannot be read.
std::vector<error> damage_in(konserve_store& store,
                             const std::string& prefix = {}) {
  std::vector<error> result;
  for (auto& x : store.list(blob_part::none, prefix)) {
    if (x.blob)
      continue;
    CHECK_FALSE(decode_key(x.key));
    CHECK(x.key.starts_with(prefix));
    CHECK(x.key.find(".ksv") != std::string::npos);
    result.push_back(x.blob.error());
  }
  return result;
}

} // namespace

TEST_CASE("every flipped bit of an authenticated blob is noticed") {
  temp_dir dir;
  auto store
    = konserve_store::open(dir.path(), {{"key", gcm_key}}, "cbor", "lz4");
  auto key = kw("a");
  auto content = edn("{:name \"value\" :items [1 2 3]}");
  store.must_put(key, content);
  auto path = dir / file_of(key);
  auto file = read_sample(path);
  CHECK(std::to_integer<int>(file[3]) == 2);
  CHECK(store.get(key).content == content);
  for (size_t i = 0; i < file.size(); ++i) {
    auto damaged = file;
    damaged[i] ^= std::byte{0x10};
    overwrite_file(path, damaged);
    auto found = store.find(key);
    INFO("byte " << i << " of " << file.size());
    REQUIRE_FALSE(found);
    CHECK(store.list().size() == 1);
  }
  write_file(path, file);
  CHECK(store.get(key).content == content);
}

TEST_CASE("flipped bits of a blob in the clear never do worse than an error") {
  for (std::string serializer : {"fressian", "cbor", "edn"})
    for (std::string compressor : {"none", "lz4", "zstd"}) {
      CAPTURE(serializer, compressor);
      temp_dir dir;
      auto store = konserve_store::open(dir.path(), {}, serializer, compressor);
      auto key = kw("a");
      store.must_put(key, edn("{:name \"value\" :items [1 2 3]}"));
      auto path = dir / file_of(key);
      auto file = read_sample(path);
      for (size_t i = 0; i < file.size() * 8; ++i) {
        auto damaged = file;
        damaged[i / 8] ^= static_cast<std::byte>(1 << i % 8);
        overwrite_file(path, damaged);
        // Either an error, or nothing, or another value: there is no checksum.
        auto found = store.find(key);
        CHECK((!found || !*found || (*found)->meta.key == key));
        CHECK(store.list().size() == 1); // is never hidden
      }
    }
}

TEST_CASE("every cut file is noticed") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  store.must_put(key, edn("[1 2 3]"));
  auto path = dir / file_of(key);
  auto file = read_sample(path);
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    write_file(path, bytes_view{file}.first(size));
    auto found = store.find(key);
    REQUIRE_FALSE(found);
    CHECK(found.error() == errc::corruption);
    CHECK(store.list().size() == 1);
  }
}

TEST_CASE("an empty file is told to be a failed first write, and healed") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  auto path = dir / file_of(key);
  write_file(path, {});
  auto found = store.read(key);
  REQUIRE_FALSE(found);
  CHECK(found.error() == errc::corruption);
  CHECK(found.error().message().find("put the key again or erase it")
        != std::string::npos);
  REQUIRE(damage_in(store).size() == 1);
  CHECK(code_of(store.put(key, 1, precondition::absent()))
        == "precondition_failed");
  CHECK(code_of(store.put(key, 1, precondition::matches({})))
        == "precondition_failed");
  SECTION("by a put") {
    store.must_put(key, 1);
    CHECK(store.get(key).content == value{1});
  }
  SECTION("by an erase") {
    CHECK(store.erase(key)->existed);
    CHECK(names_in(dir.path()).empty());
  }
  CHECK(damage_in(store).empty());
}

TEST_CASE("a blob under another's name is damage, not that key's") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  store.must_put(kw("a"), 1);
  std::filesystem::rename(dir / file_of(kw("a")), dir / file_of(kw("b")));
  CHECK_FALSE(*store.read(kw("a")));
  CHECK(code_of(store.read(kw("b"))) == "corruption");
  auto damage = damage_in(store);
  REQUIRE(damage.size() == 1);
  CHECK(damage[0] == errc::corruption);
  CHECK(damage[0].message().find(":a") != std::string::npos);
  CHECK(damage_in(store, ":x/").size() == 1); // it might be of that prefix
}

TEST_CASE("a wrong or missing key is told, hides nothing and ruins nothing") {
  for (auto [encryptor, legacy] :
       {std::pair{"aes-gcm", "no"}, std::pair{"aes-cbc", "yes"}}) {
    CAPTURE(encryptor);
    temp_dir dir;
    auto open
      = [&, encryptor = encryptor, legacy = legacy](const std::string& key) {
          return konserve_store::open(
            dir.path(),
            {{"key", key}, {"encryptor", encryptor}, {"legacy", legacy}});
        };
    auto content = edn("\"a value of some length, more than a block\"");
    open(gcm_key).must_put(kw("a"), content);
    auto file = read_sample(dir / file_of(kw("a")));
    auto right = open(gcm_key);
    CHECK(right.get(kw("a")).content == content);
    auto none = konserve_store::open(dir.path());
    CHECK(code_of(none.read(kw("a"))) == "unknown_encryption_key");
    CHECK(damage_in(none).size() == 1);
    CHECK(code_of(none.put(kw("a"), 1)) == "unknown_encryption_key");
    auto wrong = open(std::string(64, 'b'));
    CHECK_FALSE(wrong.read(kw("a")));
    CHECK(damage_in(wrong).size() == 1);
    if (encryptor == std::string{"aes-gcm"})
      CHECK(code_of(wrong.put(kw("a"), 1)) == "authentication_failed");
    else
      CHECK_FALSE(wrong.put(kw("a"), 1, precondition::absent()));
    CHECK(read_sample(dir / file_of(kw("a"))) == file);
    CHECK(wrong.erase(kw("a"))->existed);
  }
}

TEST_CASE("nothing is written in the clear because the key does not fit") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {{"key", "too short"}});
  auto refused = store.put(kw("a"), 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(refused.error().message().find("too short") == std::string::npos);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("the key of a store may come from a file or the environment") {
  temp_dir dir;
  bytes raw(32, std::byte{0xAB});
  write_file(dir / "raw.key", raw);
  write_file(dir / "hex.key", to_bytes(to_hex(raw) + "\n"));
  auto where = dir / "store";
  konserve_store::open(where, {{"key-file", dir / "raw.key"}})
    .must_put(kw("a"), 1);
  auto hex = konserve_store::open(where, {{"key-file", dir / "hex.key"}});
  CHECK(hex.get(kw("a")).content == value{1});
  ::setenv("LARDER_TEST_KONSERVE_KEY", to_hex(raw).c_str(), 1);
  auto env
    = konserve_store::open(where, {{"key-env", "LARDER_TEST_KONSERVE_KEY"}});
  CHECK(env.get(kw("a")).content == value{1});
}

TEST_CASE("unknown codecs are told by number and not written over") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  auto path = dir / file_of(key);
  for (size_t i : {1, 2, 3}) {
    std::filesystem::remove(path);
    store.must_put(key, 1);
    auto file = read_sample(path);
    file[i] = std::byte{9};
    write_file(path, file);
    auto found = store.read(key);
    REQUIRE_FALSE(found);
    CHECK(found.error() == errc::unknown_codec);
    CHECK(found.error().message().find('9') != std::string::npos);
    CHECK(code_of(store.put(key, 1)) == "unknown_codec");
    CHECK(damage_in(store).size() == 1);
  }
}

TEST_CASE("keys that konserve cannot tell apart do not overwrite each other") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {}, "edn");
  for (auto [one, two] : {std::pair{"[]", "[nil]"}, std::pair{"\\a", "\"a\""},
                          std::pair{"7", "7M"}}) {
    CAPTURE(one, two);
    REQUIRE(file_of(edn(one)) == file_of(edn(two)));
    store.must_put(edn(one), 1);
    CHECK_FALSE(*store.read(edn(two)));
    auto refused = store.put(edn(two), 2);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::invalid_argument);
    CHECK(refused.error().message().find(one) != std::string::npos);
    CHECK(refused.error().message().find(two) != std::string::npos);
    CHECK(code_of(store.put(edn(two), 2, precondition::absent()))
          == "invalid_argument");
    CHECK(code_of(store.put(edn(two), 2, precondition::matches({})))
          == "precondition_failed");
    CHECK_FALSE(store.erase(edn(two))->existed);
    CHECK(store.get(edn(one)).content == value{1});
    REQUIRE(store.erase(edn(one)));
    store.must_put(edn(two), 2);
    REQUIRE(store.erase(edn(two)));
  }
  std::vector<mutation> batch{
    {encoded(edn("[]")), store.encode(store.meta_of(edn("[]")), 1), {}},
    {encoded(edn("[nil]")), store.encode(store.meta_of(edn("[nil]")), 2), {}}};
  auto outcomes = store.engine().commit(batch);
  CHECK(outcomes[0]);
  CHECK(code_of(outcomes[1]) == "invalid_argument");
  CHECK(store.keys() == std::set<std::string>{"[]"});
}

TEST_CASE("foreign files do not hurt and are counted") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  store.must_put(kw("a"), 1);
  auto blob = file_of(kw("a"));
  for (auto name : {"README", "x.ksv", "not-a-uuid.ksv.new"})
    write_file(dir / name, to_bytes("text"));
  for (auto suffix : {".new", ".backup", ".cas", ".dirty"})
    write_file(dir / (blob + suffix), to_bytes("text"));
  std::filesystem::create_directory(dir / file_of(kw("b")));
  CHECK(store.list().size() == 1);
  auto figures = store.engine().figures();
  auto foreign
    = std::ranges::find(figures, "foreign-files", &engine_figure::name);
  REQUIRE(foreign != figures.end());
  CHECK(foreign->amount == 4);
}

TEST_CASE("the header of 8 bytes is read") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  store.must_put(key, "content");
  auto path = dir / file_of(key);
  auto file = read_sample(path);
  file.erase(file.begin() + 8, file.begin() + 20);
  write_file(path, file);
  CHECK(store.get(key).content == value{"content"});
  CHECK(store.keys().size() == 1);
  store.must_put(key, "new");
  CHECK(store.get(key).content == value{"new"});
}

TEST_CASE("a revision that konserve has kept though it wrote is not believed") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  store.must_put(key, 1);
  auto path = dir / file_of(key);
  auto rev = store.revision_of(key);
  // Written again with the same metadata, as an old konserve within the same
  // millisecond
  auto file = read_sample(path);
  file.back() = std::byte{2};
  write_file(path, file);
  CHECK(store.get(key).content == value{2});
  CHECK(store.revision_of(key) != rev);
  CHECK(code_of(store.put(key, 3, precondition::matches(rev)))
        == "precondition_failed");
  auto now = store.revision_of(key);
  CHECK(store.revision_of(key) == now);
  REQUIRE(store.put(key, 3, precondition::matches(now)));
}
