// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// scripts/read_blob.py knows the format from docs/format.md alone.

#include "serializers/blobs.hpp"

#include "larder/number.hpp"

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace larder;
using namespace larder::test;

using nlohmann::json;

namespace fs = std::filesystem;

namespace {

/// A value with each kind, and its JSON.
value each_kind() {
  return value::map(
    {{kw("nil"), value{}},
     {kw("boolean"), true},
     {kw("integer"), -42},
     {kw("big"), value{big_integer{
                   boost::multiprecision::cpp_int{"123456789012345678901"}}}},
     {kw("real"), 0.1},
     {kw("whole"), 3.0},
     {kw("nan"), std::numeric_limits<double>::quiet_NaN()},
     {kw("decimal"), value{decimal{1'250, 2}}},
     {kw("character"), U'\u00E4'},
     {kw("space"), U' '},
     {"string", "gr\u00FC\u00DFe \"\\\n\U0001F600"},
     {kw("a/keyword"), value::symbol("a/symbol")},
     {kw("bytes"), value{to_bytes("bytes")}},
     {kw("uuid"), value{store_id}},
     {kw("instant"), value::instant(1'600'000'000'007)},
     {kw("vector"), value::vector({1, value::vector()})},
     {kw("list"), value::list({"x", 2})},
     {kw("set"), value::set({"a", "b"})},
     {7, "integer key"},
     {kw("tagged"), value::tagged("my/point", value::vector({1, 2}))}});
}

const char* each_kind_json = R"({
  "nil": null, "boolean": true, "integer": -42,
  "big": 123456789012345678901, "real": 0.1, "whole": 3.0, "nan": "NaN",
  "decimal": 12.50, "character": "ä", "space": " ",
  "string": "grüße \"\\\n😀", "a/keyword": "a/symbol", "bytes": "Ynl0ZXM=",
  "uuid": "6f1d3c0a-98b7-4a55-8f0e-2b4c6d8e0f12",
  "instant": "2020-09-13T12:26:40.007Z", "vector": [1, []], "list": ["x", 2],
  "set": ["a", "b"], "7": "integer key",
  "tagged": {"tag": "my/point", "value": [1, 2]}
})";

struct run {
  int exit_code;
  std::string out;
};

/// Runs the reader on blobs in a folder of its own.
struct fixture {
  fs::path folder = fs::temp_directory_path()
                    / ("larder-reader-" + to_string(uuid::random()));

  fixture() {
    fs::create_directories(folder);
    REQUIRE(test_keys()->save((folder / "keys.json").string()));
  }

  ~fixture() {
    fs::remove_all(folder);
  }

  void write(const bytes& blob) const {
    auto chars = as_chars(blob);
    std::ofstream out{folder / "blob", std::ios::binary};
    out.write(chars.data(), static_cast<std::streamsize>(chars.size()));
  }

  run read(const std::string& options = "--keyring keys.json",
           const std::string& key = ":k") const {
    auto name = is_hidden_key(key) ? "--key-hex " + to_hex(as_bytes(key))
                                   : "--key '" + key + "'";
    auto command = "cd '" + folder.string() + "' && " + LARDER_PYTHON + " "
                   + LARDER_SOURCE_DIR + "/scripts/read_blob.py blob " + name
                   + " --store-uuid " + to_string(store_id) + " " + options
                   + " 2>errors";
    auto* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    run result;
    char buf[65'536];
    while (auto n = std::fread(buf, 1, sizeof(buf), pipe))
      result.out.append(buf, n);
    auto status = ::pclose(pipe);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
  }

  std::string errors() const {
    std::ifstream in{folder / "errors"};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
};

/// The chains that the reader knows.
std::vector<chain_names> readable_chains() {
  auto result = all_chains();
  std::erase_if(result, [](const auto& x) {
    return x.serializer != "cbor" && x.serializer != "edn";
  });
  return result;
}

} // namespace

TEST_CASE_METHOD(fixture, "an independent reader reads values of every chain",
                 "[format]") {
  for (auto& names : readable_chains()) {
    INFO(names.joined());
    write(make_blob(make_chain(names), kw("k"), each_kind()));
    auto result = read();
    INFO(errors());
    REQUIRE(result.exit_code == 0);
    auto read_back = json::parse(result.out);
    CHECK(read_back["value"] == json::parse(each_kind_json));
    CHECK(read_back["metadata"] == json::parse(R"({
      "key": "k", "type": "edn", "last-write": "2023-11-14T22:13:20.123Z",
      "owner": "ada", "revision": "000102030405060708090a0b0c0d0e0f",
      "expiry": "2030-03-17T17:46:40.000Z"})"));
  }
}

TEST_CASE_METHOD(fixture, "an independent reader reads binaries", "[format]") {
  for (auto& names : readable_chains()) {
    INFO(names.joined());
    auto content = sample_bytes(chunk_encoder::chunk_size + 1'000);
    write(make_binary(make_chain(names), kw("k"), content));
    auto result = read("--raw --keyring keys.json");
    INFO(errors());
    REQUIRE(result.exit_code == 0);
    CHECK(result.out == as_chars(content));
  }
  write(make_binary(make_chain(), kw("k"), {}));
  CHECK(json::parse(read().out)["value"] == "");
}

TEST_CASE_METHOD(fixture, "an independent reader reads the parts of logs",
                 "[format]") {
  auto meta = meta_of("log");
  meta.type = content_type::append_log;
  auto content = value::map({{kw("from"), 7}, {kw("entries"), each_kind()}});
  std::string segment{"\0S0123456789abcdef\0\0\0\0\0\0\0\1", 26};
  for (auto& names : readable_chains())
    for (auto& key : {encoded("log"), segment}) {
      INFO(names.joined());
      auto blob = make_chain(names).encode(key, meta, content);
      REQUIRE(blob);
      write(*blob);
      auto result = read("--keyring keys.json", key);
      INFO(errors());
      REQUIRE(result.exit_code == 0);
      auto read_back = json::parse(result.out);
      CHECK(read_back["value"]["from"] == 7);
      CHECK(read_back["value"]["entries"] == json::parse(each_kind_json));
      CHECK(read_back["metadata"]["type"] == "append-log");
      CHECK(read_back["metadata"]["key"] == "log");
    }
}

TEST_CASE_METHOD(fixture, "an independent reader opens sealed keyrings",
                 "[format]") {
  REQUIRE(test_keys()->save((folder / "keys.json").string(), "pass phrase"));
  write(make_blob(make_chain(), kw("k"), 1));
  ::setenv("LARDER_TEST_PASSPHRASE", "pass phrase", 1);
  auto with_passphrase = std::string{
    "--keyring keys.json --passphrase-env LARDER_TEST_PASSPHRASE"};
  auto result = read(with_passphrase);
  INFO(errors());
  CHECK(result.exit_code == 0);
  ::setenv("LARDER_TEST_PASSPHRASE", "wrong", 1);
  CHECK(read(with_passphrase).exit_code == 3);
  ::unsetenv("LARDER_TEST_PASSPHRASE");
}

TEST_CASE_METHOD(fixture, "an independent reader notices damage", "[format]") {
  auto blob = make_blob(make_chain(), kw("k"), each_kind());
  write(blob);
  REQUIRE(read().exit_code == 0);
  CHECK(read("").exit_code == 3);
  CHECK(read("--keyring keys.json", ":l").exit_code == 3);
  for (auto offset : {size_t{0}, size_t{10}, size_t{45}, size_t{50}, size_t{60},
                      size_t{90}, blob.size() - 1}) {
    INFO(offset);
    auto changed = blob;
    changed[offset] ^= std::byte{1};
    write(changed);
    CHECK(read().exit_code == 3);
  }
  blob.pop_back();
  write(blob);
  CHECK(read().exit_code == 3);
}
