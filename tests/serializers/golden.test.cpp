// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Blobs that were written once and must be read the same for ever. The hidden
// test [.golden-write] adds those that are missing; it never replaces one.

#include "serializers/blobs.hpp"

#include "larder/text.hpp"

#include <openssl/evp.h>

#include <filesystem>
#include <fstream>

using namespace larder;
using namespace larder::test;

namespace fs = std::filesystem;

namespace {

const fs::path folder = fs::path{LARDER_SOURCE_DIR} / "tests" / "golden";

const value key = value::vector({kw("golden"), "key", 1});

bytes read_file(const fs::path& file) {
  INFO(file);
  std::ifstream in{file, std::ios::binary};
  REQUIRE(in);
  return to_bytes(std::string{std::istreambuf_iterator<char>{in}, {}});
}

void write_file(const fs::path& file, bytes_view content) {
  auto chars = as_chars(content);
  std::ofstream out{file, std::ios::binary};
  out.write(chars.data(), static_cast<std::streamsize>(chars.size()));
  REQUIRE(out);
}

std::string sha256(bytes_view xs) {
  std::array<std::byte, 32> hash{};
  REQUIRE(EVP_Digest(xs.data(), xs.size(),
                     reinterpret_cast<unsigned char*>(hash.data()), nullptr,
                     EVP_sha256(), nullptr)
          == 1);
  return to_hex(hash);
}

const value& at(const value& map, std::string_view name) {
  auto* result = map.find(kw(name));
  INFO(name);
  REQUIRE(result != nullptr);
  return *result;
}

/// What the manifest says of all files.
value read_manifest() {
  auto text = read_file(folder / "manifest.edn");
  auto result = parse_edn(as_chars(text));
  REQUIRE(result);
  return *result;
}

/// A chain as an application would have that finds the old files.
chain golden_chain(const value& entry, const chain_names& names) {
  auto keys = keyring::load((folder / "keyring.json").string());
  REQUIRE(keys);
  auto config = make_config(names);
  config.keys = std::make_shared<keyring>(std::move(*keys));
  return chain{at(entry, "store").as_uuid(), config};
}

value entry_of(const std::string& file, const value& meta) {
  return value::map({{kw("file"), file},
                     {kw("store"), value{store_id}},
                     {kw("metadata"), meta}});
}

} // namespace

TEST_CASE("golden blobs are read for ever", "[golden]") {
  auto manifest = read_manifest();
  CHECK(manifest.items().size() >= 8);
  for (auto& entry : manifest.items()) {
    auto file = std::string{at(entry, "file").as_string()};
    INFO(file);
    auto ch = golden_chain(entry, {"cbor", "none", "none"});
    auto blob = read_file(folder / file);
    auto& expected_meta = at(entry, "metadata");
    auto name = encoded(at(expected_meta, "key"));
    auto doc = ch.decode(name, blob);
    INFO((doc ? "" : to_string(doc.error())));
    REQUIRE(doc);
    CHECK(doc->meta.to_value() == expected_meta);
    if (doc->meta.type == content_type::edn) {
      CHECK(doc->content == at(entry, "value"));
      continue;
    }
    auto reader = open_binary(ch, at(expected_meta, "key"), blob);
    REQUIRE(reader);
    auto content = reader->read(0, SIZE_MAX);
    REQUIRE(content);
    CHECK(value{content->size()} == at(entry, "size"));
    CHECK(sha256(*content) == at(entry, "sha256").as_string());
  }
}

TEST_CASE("every chain has a golden blob", "[golden]") {
  auto manifest = read_manifest();
  for (auto& names : all_chains()) {
    auto file = value{names.joined() + ".blob"};
    INFO(names.joined());
    CHECK(std::ranges::any_of(manifest.items(), [&](const value& entry) {
      return at(entry, "file") == file;
    }));
  }
}

TEST_CASE("missing golden blobs are written", "[.golden-write]") {
  fs::create_directories(folder);
  if (!fs::exists(folder / "keyring.json"))
    REQUIRE(test_keys()->save((folder / "keyring.json").string()));
  std::vector<value> entries;
  if (fs::exists(folder / "manifest.edn"))
    entries = read_manifest().take_items();
  auto add = [&](const std::string& file, value entry, auto make_content) {
    if (fs::exists(folder / file))
      return;
    write_file(folder / file, make_content());
    entries.push_back(std::move(entry));
  };
  for (auto& names : all_chains()) {
    auto file = names.joined() + ".blob";
    auto meta = meta_of(key);
    auto entry = entry_of(file, meta.to_value());
    auto ch = golden_chain(entry, names);
    add(file, entry.with(kw("value"), sample_value()),
        [&] { return make_blob(ch, key, sample_value()); });
    if (names.serializer != "cbor")
      continue;
    // The first chunk compresses, the second does not.
    auto content = sample_bytes(chunk_encoder::chunk_size + 500);
    std::fill(content.begin(), content.end() - 500, std::byte{'x'});
    file = "binary-" + file;
    meta.type = content_type::binary;
    meta.last_write = 1'700'000'000'999;
    entry = entry_of(file, meta.to_value())
              .with(kw("size"), content.size())
              .with(kw("sha256"), sha256(content));
    if (names.compressor != "none")
      add(file, entry, [&] { return make_binary(ch, key, content); });
  }
  std::string text = "[";
  for (auto& entry : entries)
    text += (text.size() > 1 ? "\n " : "") + to_edn(entry);
  write_file(folder / "manifest.edn", as_bytes(text + "]\n"));
}
