// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/names.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

using namespace larder;
using namespace larder::detail;

namespace {

std::string name(std::string_view key) {
  return name_of(key).name;
}

const std::vector<std::string>& hostile_keys() {
  static const std::vector<std::string> result{
    "",
    "\"",
    "\"../x",
    "\"/",
    "\"/etc/passwd",
    "\".",
    "\"..",
    "\".hidden",
    "../x",
    ".",
    "..",
    "/",
    std::string{"\"\0", 2},
    std::string{"\0", 1},
    "\"%",
    "\"%41",
    "\"A",
    "\"a",
    "\"a b\n\t",
    "\"\xC3\xA9",
    "\"\xFF\xFE",
    "\"a~b",
    "\"x.str",
    "x.str",
    "\"lock",
    "\"larder-store",
    "\"a.str.00112233445566778899aabbccddeeff.new",
    "\"" + std::string(180, 'a'),
    "\"" + std::string(181, 'a'),
    "\"" + std::string(5000, 'a'),
    "\"" + std::string(5000, 'a') + "b",
    "\"" + std::string(5000, '/'),
    "\"" + std::string(61, '/'),
    std::string(5000, 'a'),
    std::string(65536, '\0'),
  };
  return result;
}

} // namespace

TEST_CASE("the names of everyday keys can be read by people") {
  CHECK(name("\"larder") == "larder.str");
  CHECK(name("\"user-42_a.json") == "user-42_a.json.str");
  CHECK(name("\"user:42") == "user%3A42.str");
  CHECK(name(":app/config") == "%3Aapp%2Fconfig.key");
  CHECK(name("42") == "42.key");
  CHECK(name("\"42") == "42.str");
  CHECK(name("\"") == "%.str");
  CHECK(name("\".hidden") == "%2Ehidden.str");
}

TEST_CASE("names are a promise: they are the same in every version") {
  // Computed with Python's hashlib and xxhash.
  CHECK(name_of("\"larder").relative() == "03/larder.str");
  CHECK(name_of("\"user:42").relative() == "46/user%3A42.str");
  auto longer = name_of("\"" + std::string(300, 'x'));
  CHECK(longer.is_long);
  CHECK(longer.relative()
        == "b0/" + std::string(100, 'x')
             + "~73ae3cd4ccc8a5e43acc100ed0c450b2"
               "cd2f2c699d94548a3927a3af7d0534ad.str");
}

TEST_CASE("no key leaves its directory or hides its file") {
  for (auto& key : hostile_keys()) {
    CAPTURE(key.substr(0, 100));
    auto x = name_of(key);
    CHECK(x.dir < fan_out);
    CHECK(!x.name.starts_with('.'));
    CHECK(x.name.size() <= 200);
    CHECK(staging_name(x.name, uuid::random()).size() <= 255);
    CHECK(std::all_of(x.name.begin(), x.name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'
             || c == '.' || c == '%' || c == '~';
    }));
  }
}

TEST_CASE("different keys have different names, which lead back to them") {
  std::set<std::string> names;
  for (auto& key : hostile_keys()) {
    CAPTURE(key.substr(0, 100));
    auto x = name_of(key);
    CHECK(names.insert(x.relative()).second);
    auto parsed = parse_name(x.dir, x.name);
    REQUIRE(parsed);
    CHECK(parsed->is_long == x.is_long);
    if (x.is_long)
      CHECK((key.starts_with(parsed->key) && parsed->key.size() < key.size()));
    else
      CHECK(parsed->key == key);
  }
}

TEST_CASE("any bytes are a key whose name leads back to it") {
  CHECK(rc::check([](const std::string& key) {
    auto x = name_of(key);
    auto parsed = parse_name(x.dir, x.name);
    RC_ASSERT(parsed.has_value());
    if (!x.is_long)
      RC_ASSERT(parsed->key == key);
    RC_ASSERT(is_staging_name(staging_name(x.name, uuid::random())));
    RC_ASSERT(!is_staging_name(x.name));
  }));
}

TEST_CASE("names that the engine does not make are foreign") {
  auto right = name_of("\"larder");
  REQUIRE(parse_name(right.dir, right.name));
  CHECK(!parse_name((right.dir + 1) % fan_out, right.name));
  for (auto str :
       {"", ".str", "larder", "larder.txt", "l%61rder.str", "%3a.str", "%3.str",
        "%zz.str", ".larder.str", "a b.str", "larder.str~", "x~abc.str",
        "notes.txt", "larder.str.new", "%.%.str", "%2", "\xC3\xA9.str"}) {
    CAPTURE(str);
    for (unsigned dir = 0; dir < fan_out; ++dir)
      CHECK(!parse_name(dir, str));
  }
}

TEST_CASE("only the engine's own staging names are taken for such") {
  auto id = uuid::random();
  CHECK(is_staging_name(staging_name("larder.str", id)));
  CHECK(is_staging_name(staging_name(name(std::string(5000, 'x')), id)));
  CHECK(!parse_name(name_of("\"larder").dir, staging_name("larder.str", id)));
  for (auto str : {"larder.str.new", "notes.new", "larder.str",
                   "notes.00112233445566778899aabbccddeeff.new",
                   "larder.str.00112233445566778899aabbccddeef.new",
                   "larder.str.00112233445566778899aabbccddeefg.new",
                   ".00112233445566778899aabbccddeeff.new"}) {
    CAPTURE(str);
    CHECK(!is_staging_name(str));
  }
}

TEST_CASE("directories are named by two hexadecimal digits") {
  for (unsigned dir = 0; dir < fan_out; ++dir)
    CHECK(parse_dir_name(dir_name(dir)) == dir);
  for (auto str : {"", "0", "000", "AB", "0g", "-1"})
    CHECK(!parse_dir_name(str));
}

TEST_CASE("a trailer tells the size of its key") {
  auto trailer = make_trailer("hello");
  CHECK(trailer.size() == trailer_size(5));
  auto tail = bytes_view{trailer}.last(trailer_tail_size);
  CHECK(parse_trailer_tail(tail) == 5u);
  for (size_t i = 4; i < trailer_tail_size; ++i) {
    auto damaged = to_bytes(tail);
    damaged[i] ^= std::byte{1};
    CHECK(!parse_trailer_tail(damaged));
  }
  CHECK(!parse_trailer_tail(tail.subspan(1)));
}

TEST_CASE("a file store takes keys of up to a mebibyte") {
  CHECK(check_key(std::string(max_key_size, 'x')));
  CHECK(check_key(std::string(max_key_size + 1, 'x')).error()
        == errc::limit_exceeded);
}
