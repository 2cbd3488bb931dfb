// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/keyring.hpp"

#include "larder/uuid.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace larder;

namespace fs = std::filesystem;

namespace {

const std::string hex_secret(64, 'a');

struct fixture {
  fs::path folder = fs::temp_directory_path()
                    / ("larder-keyring-" + to_string(uuid::random()));
  std::string file = (folder / "keys.json").string();

  fixture() {
    fs::create_directories(folder);
  }

  ~fixture() {
    fs::remove_all(folder);
  }

  std::string content() const {
    std::ifstream in{file};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  void write(const std::string& text) const {
    std::ofstream{file} << text;
  }

  expected<keyring> parse(const std::string& text) const {
    write(text);
    return keyring::load(file);
  }
};

keyring ring_of(std::initializer_list<uint32_t> ids) {
  keyring result;
  for (auto id : ids)
    REQUIRE(result.add({id, bytes(32, static_cast<std::byte>(id))}));
  return result;
}

bool same(const keyring& x, const keyring& y) {
  return x.primary_id() == y.primary_id()
         && std::equal(
           x.entries().begin(), x.entries().end(), y.entries().begin(),
           y.entries().end(), [](const auto& a, const auto& b) {
             return a.key.id() == b.key.id()
                    && std::ranges::equal(a.key.secret(), b.key.secret())
                    && a.retired == b.retired;
           });
}

} // namespace

TEST_CASE("the first key of a ring becomes the primary", "[keyring]") {
  keyring ring;
  CHECK(ring.primary().error() == errc::unknown_encryption_key);
  REQUIRE(ring.add({5, bytes(32)}));
  REQUIRE(ring.add({6, bytes(32)}));
  CHECK(ring.primary()->id() == 5);
  REQUIRE(ring.set_primary(6));
  CHECK(ring.primary()->id() == 6);
  CHECK(ring.add({5, bytes(32)}).error() == errc::already_exists);
  CHECK(ring.set_primary(7).error() == errc::unknown_encryption_key);
}

TEST_CASE("a retired key is listed and refused", "[keyring]") {
  auto ring = ring_of({1, 2});
  CHECK(ring.retire(1).error() == errc::invalid_argument);
  CHECK(ring.retire(3).error() == errc::unknown_encryption_key);
  REQUIRE(ring.retire(2));
  CHECK(ring.entries().size() == 2);
  auto retired = ring.find(2);
  REQUIRE(!retired);
  CHECK(retired.error() == errc::unknown_encryption_key);
  CHECK(retired.error().message().find("retired") != std::string::npos);
  auto unknown = ring.find(3);
  REQUIRE(!unknown);
  CHECK(unknown.error().message().find("retired") == std::string::npos);
  CHECK(ring.set_primary(2).error() == errc::unknown_encryption_key);
}

TEST_CASE("random keys differ and have an id", "[keyring]") {
  auto x = encryption_key::random();
  auto y = encryption_key::random();
  CHECK(x.id() != 0);
  CHECK(!std::ranges::equal(x.secret(), y.secret()));
}

TEST_CASE_METHOD(fixture, "a saved ring loads the same", "[keyring]") {
  auto ring = ring_of({1, 2, 4'000'000'000});
  REQUIRE(ring.set_primary(2));
  REQUIRE(ring.retire(1));
  REQUIRE(ring.save(file));
  auto loaded = keyring::load(file);
  REQUIRE(loaded);
  CHECK(same(ring, *loaded));
  CHECK(loaded->warning().empty());
  REQUIRE(keyring{}.save(file));
  REQUIRE(keyring::load(file));
  CHECK(keyring::load(file)->entries().empty());
}

TEST_CASE_METHOD(fixture, "a keyring file is for its owner alone",
                 "[keyring]") {
  write("old content that others may read");
  fs::permissions(file, fs::perms::all);
  REQUIRE(ring_of({1}).save(file));
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  // Nothing but the file itself is left.
  CHECK(std::distance(fs::directory_iterator{folder}, {}) == 1);
}

TEST_CASE_METHOD(fixture, "a file that others may read draws a warning",
                 "[keyring]") {
  REQUIRE(ring_of({1}).save(file));
  fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
  auto loaded = keyring::load(file);
  REQUIRE(loaded);
  CHECK(loaded->warning().find(file) != std::string::npos);
}

TEST_CASE_METHOD(fixture, "a missing file or folder is told", "[keyring]") {
  CHECK(keyring::load(file).error() == errc::not_found);
  auto in_no_folder = (folder / "none" / "keys.json").string();
  CHECK(!ring_of({1}).save(in_no_folder));
  CHECK(keyring::load(folder.string()).error() == errc::io_error);
}

TEST_CASE_METHOD(fixture, "a passphrase seals the file", "[keyring]") {
  auto ring = ring_of({1, 2});
  CHECK(ring.save(file, "").error() == errc::invalid_argument);
  REQUIRE(ring.save(file, "correct horse"));
  auto text = content();
  CHECK(text.find("secret") == std::string::npos);
  CHECK(text.find(to_hex(ring.entries()[0].key.secret())) == std::string::npos);
  auto loaded = keyring::load(file, "correct horse");
  REQUIRE(loaded);
  CHECK(same(ring, *loaded));
  CHECK(keyring::load(file).error() == errc::invalid_argument);
  CHECK(keyring::load(file, "wrong").error() == errc::authentication_failed);
  auto edited = nlohmann::json::parse(text);
  SECTION("another salt is noticed") {
    edited["kdf"]["salt"] = std::string(32, '0');
    write(edited.dump());
    CHECK(keyring::load(file, "correct horse").error()
          == errc::authentication_failed);
  }
  SECTION("another clear part is noticed") {
    edited["comment"] = "not mine";
    write(edited.dump());
    CHECK(keyring::load(file, "correct horse").error()
          == errc::authentication_failed);
  }
  SECTION("a cost that would exhaust the memory is refused") {
    edited["kdf"]["n"] = uint64_t{1} << 40;
    write(edited.dump());
    CHECK(keyring::load(file, "correct horse").error() == errc::limit_exceeded);
    edited["kdf"]["n"] = 1024;
    edited["kdf"]["p"] = uint64_t{1} << 30;
    write(edited.dump());
    CHECK(keyring::load(file, "correct horse").error() == errc::limit_exceeded);
  }
  SECTION("a cost that scrypt does not know is refused") {
    edited["kdf"]["n"] = 1000;
    write(edited.dump());
    CHECK(keyring::load(file, "correct horse").error() == errc::corruption);
  }
}

TEST_CASE_METHOD(fixture, "damaged keyrings are refused without quoting them",
                 "[keyring]") {
  REQUIRE(ring_of({1, 2}).save(file));
  auto good = nlohmann::json::parse(content());
  auto refused = [&](const std::string& text) {
    auto loaded = parse(text);
    REQUIRE(!loaded);
    CHECK(loaded.error() == errc::corruption);
    // Longer than what the random name of the file may hold by chance.
    CHECK(loaded.error().message().find("0101010101") == std::string::npos);
  };
  auto edited = [&](auto f) {
    auto copy = good;
    f(copy);
    refused(copy.dump());
  };
  refused("");
  refused("[]");
  refused("{}");
  refused("{\"format\":\"larder keyring\",\"version\":1,\"secret\":01010101");
  edited([](auto& x) { x["format"] = "else"; });
  edited([](auto& x) { x["primary"] = 3; });
  edited([](auto& x) { x["primary"] = -1; });
  edited([](auto& x) { x["keys"][0]["id"] = 0; });
  edited([](auto& x) { x["keys"][0]["id"] = 2; });
  edited([](auto& x) { x["keys"][0]["id"] = uint64_t{1} << 32; });
  edited([](auto& x) { x["keys"][0]["secret"] = "0101"; });
  edited([](auto& x) { x["keys"][0]["secret"] = std::string(64, 'x'); });
  edited([](auto& x) { x["keys"][0]["retired"] = true; });
  edited([](auto& x) { x["keys"][0]["retired"] = "no"; });
  edited([](auto& x) { x["keys"][0] = 1; });
  good["version"] = 2;
  CHECK(parse(good.dump()).error() == errc::unsupported);
  CHECK(parse(std::string(2 << 20, ' ')).error() == errc::limit_exceeded);
}

TEST_CASE_METHOD(fixture, "a keyring file nested deeply is refused",
                 "[keyring]") {
  std::string deep = std::string(400'000, '[') + std::string(400'000, ']');
  auto head = R"({"format": "larder keyring", "version": 1, "x": )";
  auto ring = parse(head + deep + "}");
  REQUIRE(!ring);
  CHECK(ring.error() == errc::corruption);
}

TEST_CASE_METHOD(fixture, "a ring comes from an environment variable",
                 "[keyring]") {
  constexpr auto* name = "LARDER_TEST_KEYRING";
  ::unsetenv(name);
  CHECK(keyring::from_environment(name).error() == errc::not_found);
  REQUIRE(ring_of({3}).save(file));
  ::setenv(name, content().c_str(), 1);
  CHECK(same(*keyring::from_environment(name), ring_of({3})));
  ::setenv(name, hex_secret.c_str(), 1);
  auto ring = keyring::from_environment(name);
  REQUIRE(ring);
  CHECK(to_hex(ring->primary()->secret()) == hex_secret);
  ::setenv(name, std::string(64, 'b').c_str(), 1);
  CHECK(keyring::from_environment(name)->primary_id() != ring->primary_id());
  ::setenv(name, hex_secret.substr(1).c_str(), 1);
  auto bad = keyring::from_environment(name);
  REQUIRE(!bad);
  CHECK(bad.error() == errc::corruption);
  CHECK(bad.error().message().find("aaa") == std::string::npos);
  ::unsetenv(name);
}
