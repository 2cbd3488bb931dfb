// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/konserve/konserve_tools.hpp"

using namespace larder;
using namespace larder::test;

// -- life cycle ---------------------------------------------------------------

TEST_CASE("a konserve store is a directory without any file of its own") {
  temp_dir dir;
  auto where = konserve_uri(dir / "new/store");
  auto& e = konserve_engine();
  CHECK_FALSE(*e.exists(where));
  CHECK(code_of(e.open(where)) == "not_found");
  CHECK(code_of(e.destroy(where)) == "not_found");
  auto store = e.create(where);
  REQUIRE(store);
  CHECK(*e.exists(where));
  CHECK(names_in(dir / "new/store").empty());
  CHECK((*store)->name() == "konserve:" + dir / "new/store");
  CHECK((*store)->caps().plain_blobs);
  CHECK(*e.plain_blobs(where));
  auto id = (*store)->id();
  store->reset();
  CHECK((*e.open(where))->id() == id);
  REQUIRE(e.destroy(where));
  CHECK_FALSE(*e.exists(where));
  CHECK((*e.create(where))->id() != id);
}

TEST_CASE("a konserve store is made only where nothing else is") {
  temp_dir dir;
  auto& e = konserve_engine();
  auto where = konserve_uri(dir.path());
  write_file(dir / "letter.txt", to_bytes("dear"));
  auto refused = e.create(where);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(refused.error().message().find("letter.txt") != std::string::npos);
  std::filesystem::remove(dir / "letter.txt");
  REQUIRE(e.create(where));
  konserve_store::open(dir.path()).must_put(kw("a"), 1);
  CHECK(code_of(e.create(where)) == "already_exists");
}

TEST_CASE("destroying a konserve store leaves everything if others have files "
          "there") {
  temp_dir dir;
  auto& e = konserve_engine();
  auto where = konserve_uri(dir / "x");
  auto path = [&](const std::string& name) { return dir / ("x/" + name); };
  auto blob = file_of(kw("a"));
  {
    auto store = konserve_store::open(dir / "x");
    store.must_put(kw("a"), 1);
    CHECK(code_of(e.destroy(where)) == "locked");
  }
  for (auto suffix : {".new", ".backup", ".cas", ".dirty",
                      ".ee4b55c1-23a0-4aa5-9ee1-b2e58b2b8f3e.new"})
    write_file(path(blob + suffix), {});
  write_file(path("letter.txt"), {});
  auto refused = e.destroy(where);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(refused.error().message().find("letter.txt") != std::string::npos);
  CHECK(names_in(dir / "x").size() == 7);
  std::filesystem::remove(path("letter.txt"));
  REQUIRE(e.destroy(where));
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("options of konserve stores are checked, and keys never shown") {
  temp_dir dir;
  auto& e = konserve_engine();
  using options = std::map<std::string, std::string>;
  auto message = [&](const options& xs) {
    auto result = e.create(konserve_uri(dir / "x", xs));
    REQUIRE_FALSE(result);
    CHECK(result.error() == errc::invalid_argument);
    CHECK(result.error().message().find("s3cr3t") == std::string::npos);
    return result.error().message();
  };
  message({{"nonsense", "1"}});
  message({{"fence", "no"}});
  message({{"id", "7"}});
  message({{"encryptor", "rot13"}});
  message({{"encryptor", "aes-gcm"}});
  message({{"key", "s3cr3t"}, {"key-env", "HOME"}});
  message({{"key-env", "LARDER_NO_SUCH_VARIABLE"}});
  CHECK(
    message({{"key", "s3cr3t"}, {"encryptor", "aes-cbc"}}).find("legacy=yes")
    != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir / "x"));
  auto store = e.create(
    konserve_uri(dir / "x", {{"key", "s3cr3t"},
                             {"id", "00000000-0000-0000-0000-000000000007"}}));
  REQUIRE(store);
  CHECK((*store)->name() == "konserve:" + dir / "x");
  CHECK(to_string((*store)->id()) == "00000000-0000-0000-0000-000000000007");
}

// -- content ------------------------------------------------------------------

TEST_CASE("what is put into a konserve store is found again") {
  temp_dir dir;
  for (std::string serializer : {"fressian", "cbor", "edn"})
    for (std::string compressor : {"none", "lz4", "zstd"}) {
      CAPTURE(serializer, compressor);
      auto store = konserve_store::open(dir / (serializer + compressor), {},
                                        serializer, compressor);
      auto content = edn("{:a [1 2.5 \"three\" #{4}], \"b\" (nil true)}");
      for (auto key : {"nil", "\"text\"", ":k/w", "[1 :x]", "{:m 1}", "42"}) {
        auto meta = store.meta_of(edn(key));
        meta.extras = edn("{:immutable? true, :extra [1 2]}");
        meta.expiry = 4'000'000'000'000;
        REQUIRE(store.put(meta, content));
        auto found = store.get(edn(key));
        CHECK(found.content == content);
        CHECK(found.meta.to_value() == meta.to_value());
      }
      CHECK(store.keys().size() == 6);
      CHECK(store.keys(":").size() == 1);
      CHECK(*store.erase(edn("nil")).map([](auto x) { return x.existed; }));
      CHECK_FALSE(
        *store.erase(edn("nil")).map([](auto x) { return x.existed; }));
      CHECK_FALSE(*store.find(edn("nil")));
      CHECK(store.keys().size() == 5);
    }
}

TEST_CASE(
  "every part of a blob in a konserve store passes the chain's checks") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto meta = store.meta_of(kw("a"));
  REQUIRE(store.put(meta, "content"));
  auto name = encoded(kw("a"));
  auto whole = to_bytes((*store.read(kw("a")))->data);
  CHECK((*store.read(kw("a")))->blob_size == whole.size());
  CHECK(whole.size()
        == header::decode(whole)->value_offset()
             + header::decode(whole)->value_size);
  CHECK((*store.read(kw("a"), blob_part::none))->data.empty());
  auto head = store.read(kw("a"), blob_part::header).value();
  CHECK(header::decode(head->data)->rev == meta.rev);
  CHECK(head->blob_size == whole.size());
  auto front = store.read(kw("a"), blob_part::metadata).value();
  CHECK(store.blobs().decode_metadata(name, front->data)->to_value()
        == meta.to_value());
  for (auto& x : store.list()) {
    REQUIRE(x.blob);
    CHECK(store.blobs().decode_metadata(x.key, x.blob->data)->to_value()
          == meta.to_value());
  }
  read_request range{name, blob_part::range, 10, 70, meta.rev};
  auto part = std::move(store.engine().read(std::span{&range, 1}).front());
  CHECK(to_bytes((*part)->data)
        == bytes{whole.begin() + 10, whole.begin() + 80});
  range.pinned = random_revision();
  CHECK(code_of(store.engine().read(std::span{&range, 1}).front())
        == "conflict");
}

TEST_CASE("binaries are stored as they are") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {}, "cbor", "zstd");
  bytes content(300'000, std::byte{7});
  content[12'345] = std::byte{8};
  auto meta = store.meta_of(kw("bin"), content_type::binary);
  REQUIRE(store.commit(kw("bin"), store.encode_binary(meta, content)));
  CHECK(store.read_binary(kw("bin")).value() == content);
  CHECK(store.read_binary(kw("bin"), 12'344, 2).value()
        == bytes{std::byte{7}, std::byte{8}});
  CHECK(store.get(kw("bin")).meta.type == content_type::binary);
  auto file = read_sample(dir / file_of(kw("bin")));
  CHECK(bytes{file.end() - 300'000, file.end()} == content);
  auto strict = konserve_store::open(dir.path(), {{"clear-binaries", "no"}});
  auto refused = strict.commit(
    kw("b2"), strict.encode_binary(
                strict.meta_of(kw("b2"), content_type::binary), content));
  CHECK(code_of(refused) == "unsupported");
}

TEST_CASE("the file of a value has konserve's bytes") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {}, "edn");
  auto meta = store.meta_of(kw("a"));
  meta.rev = revision::parse("0123456789abcdef0123456789abcdef").value();
  REQUIRE(store.put(meta, edn("[1 2]")));
  auto file = read_sample(dir / file_of(kw("a")));
  std::string text
    = "{:key :a, :type :edn, :revision "
      "\"01234567-89ab-cdef-0123-456789abcdef-1700000000001\", :last-write "
      "#inst \"2023-11-14T22:13:20.001-00:00\"}";
  REQUIRE(file.size() > 20);
  auto size = load_big_endian<uint32_t>(file.data() + 4);
  CHECK(to_hex(bytes_view{file}.first(4)) == "01000000");
  CHECK(to_hex(bytes_view{file}.subspan(8, 12)) == std::string(24, '0'));
  CHECK(edn(as_chars(bytes_view{file}.subspan(20, size))) == edn(text));
  CHECK(as_chars(bytes_view{file}.subspan(20 + size)) == "[1 2]");
}

TEST_CASE("conditions are checked against the revision") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  CHECK(code_of(store.put(key, 1, precondition::matches(random_revision())))
        == "precondition_failed");
  REQUIRE(store.put(key, 1, precondition::absent()));
  CHECK(code_of(store.put(key, 2, precondition::absent()))
        == "precondition_failed");
  auto rev = store.revision_of(key);
  REQUIRE(store.put(key, 3, precondition::matches(rev)));
  CHECK(code_of(store.put(key, 4, precondition::matches(rev)))
        == "precondition_failed");
  CHECK(code_of(store.commit(key, keep{}, precondition::matches(rev)))
        == "precondition_failed");
  CHECK(store.get(key).content == value{3});
  CHECK(code_of(store.erase(key, precondition::matches(rev)))
        == "precondition_failed");
  REQUIRE(
    store.commit(key, keep{}, precondition::matches(store.revision_of(key))));
  REQUIRE(store.erase(key, precondition::matches(store.revision_of(key))));
}

TEST_CASE("what konserve could not read is refused") {
  temp_dir dir;
  auto open = [&](const std::string& serializer) {
    return konserve_store::open(dir.path(), {}, serializer);
  };
  CHECK(code_of(open("boost-binary").put(kw("a"), 1)) == "unsupported");
  auto store = open("cbor");
  auto blob = *store.encode(store.meta_of(kw("a")), 1);
  auto h = header::decode(blob).value();
  auto put_with = [&](const header& changed) {
    auto copy = blob;
    bytes head;
    changed.encode(head);
    std::copy(head.begin(), head.end(), copy.begin());
    return code_of(store.commit(kw("a"), std::make_shared<const bytes>(copy)));
  };
  auto sealed = h;
  sealed.encryptor_id = 64;
  CHECK(put_with(sealed) == "unsupported");
  auto chunked = h;
  chunked.flags |= header::flag_binary | header::flag_chunked;
  CHECK(put_with(chunked) == "unsupported");
  auto another = h;
  another.rev = random_revision();
  CHECK(put_with(another) == "corruption");
  auto shorter = h;
  shorter.value_size += 1;
  CHECK(put_with(shorter) == "corruption");
  auto meta = store.meta_of(kw("a"));
  meta.extras = edn("{:larder/expiry 1}");
  CHECK(code_of(store.put(meta, 1)) == "invalid_argument");
  mutation hidden{std::string{"\0S1234", 6}, store.encode(meta, 1), {}};
  CHECK(code_of(store.engine().commit(std::span{&hidden, 1}).front())
        == "unsupported");
  mutation grouped{encoded(kw("a")), std::monostate{}, {}, 1};
  CHECK(code_of(store.engine().commit(std::span{&grouped, 1}).front())
        == "unsupported");
  CHECK(names_in(dir.path()).empty());
}
