// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Opening stores by URI, with every option.

#include "engines.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"

#include "larder/detail/tier_front.hpp"
#include "larder/header.hpp"
#include "larder/keyring.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace larder;
using namespace larder::test;

namespace {

namespace fs = std::filesystem;

template <class T>
std::optional<errc> code_of(const expected<T>& x) {
  if (x)
    return std::nullopt;
  return x.error().code();
}

/// A folder with a keyring, and URIs of stores in it.
struct fixture {
  temp_dir dir;
  std::string keyring_file = dir / "keyring.json";

  fixture() {
    keyring ring;
    REQUIRE(ring.add(encryption_key::random()));
    REQUIRE(ring.save(keyring_file));
  }

  std::string uri(const std::string& options = "") const {
    return "file:" + dir / "store" + (options.empty() ? "" : "?" + options);
  }

  std::string encrypted(const std::string& options = "") const {
    return uri("encryptor=xaes-gcm&keyring=" + keyring_file
               + (options.empty() ? "" : "&" + options));
  }

  bool exists() const {
    return fs::exists(dir / "store");
  }

  /// All bytes of all files of the store.
  std::string content() const {
    std::string result;
    for (auto& item : fs::recursive_directory_iterator(dir / "store"))
      if (item.is_regular_file()) {
        std::ifstream in{item.path(), std::ios::binary};
        result.append(std::istreambuf_iterator<char>{in}, {});
      }
    return result;
  }
};

/// A variable of the environment, as long as this lives.
class variable {
public:
  variable(const char* name, const char* content) : name_(name) {
    ::setenv(name, content, 1);
  }

  ~variable() {
    ::unsetenv(name_);
  }

private:
  const char* name_;
};

constexpr auto passphrase_variable = "LARDER_TEST_PASSPHRASE";

} // namespace

// -- modes --------------------------------------------------------------------

TEST_CASE("a store is created and opened strictly") {
  fixture env;
  CHECK(code_of(open_store(env.uri(), open_mode::open)) == errc::not_found);
  CHECK_FALSE(env.exists());
  CHECK(open_store(env.uri(), open_mode::create));
  CHECK(code_of(open_store(env.uri(), open_mode::create))
        == errc::already_exists);
  CHECK(open_store(env.uri(), open_mode::open));
  CHECK(open_store(env.uri(), open_mode::open_or_create));
}

TEST_CASE("a store keeps its identity") {
  fixture env;
  auto first = open_store(env.uri(), open_mode::create);
  REQUIRE(first);
  auto id = first->engine->id();
  first = fail(errc::closed, "");
  auto second = open_store(env.uri());
  REQUIRE(second);
  CHECK(second->engine->id() == id);
}

TEST_CASE("a store exists from its creation to its destruction") {
  fixture env;
  CHECK(store_exists(env.uri()) == false);
  CHECK(code_of(destroy_store(env.uri())) == errc::not_found);
  REQUIRE(open_store(env.uri("sync=off"), open_mode::create));
  CHECK(store_exists(env.uri()) == true);
  CHECK(store_exists(env.uri("serializer=edn&compressor=lz4")) == true);
  CHECK(destroy_store(env.uri()));
  CHECK(store_exists(env.uri()) == false);
  CHECK_FALSE(env.exists());
}

TEST_CASE("a store that is open cannot be destroyed") {
  fixture env;
  auto config = open_store(env.uri("shared=no"));
  REQUIRE(config);
  CHECK(code_of(destroy_store(env.uri())) == errc::locked);
  CHECK(code_of(open_store(env.uri())) == errc::locked);
  config = fail(errc::closed, "");
  CHECK(destroy_store(env.uri()));
}

// -- options ------------------------------------------------------------------

TEST_CASE("every option of the chain and the engine is understood") {
  fixture env;
  auto options = GENERATE(as<std::string>{}, "serializer=cbor",
                          "serializer=edn", "serializer=boost-binary",
                          "compressor=none", "compressor=lz4",
                          "compressor=zstd", "encryptor=none", "sync=on",
                          "sync=off", "shared=yes", "shared=no", "threads=2",
                          "serializer=edn&compressor=zstd&sync=off&threads=1");
  CAPTURE(options);
  threaded_world world;
  blocking_client client{world.system(), world.spawn(env.uri(options))};
  REQUIRE(client.put("k", value::vector({1, "two", 3.0})));
  CHECK(client.get("k") == value::vector({1, "two", 3.0}));
}

TEST_CASE("a wrong option is refused and leaves nothing behind") {
  fixture env;
  auto check = [&](const std::string& options, errc wanted) {
    CAPTURE(options);
    CHECK(code_of(open_store(env.uri(options))) == wanted);
    CHECK(code_of(store_exists(env.uri(options))) == wanted);
    CHECK(code_of(destroy_store(env.uri(options))) == wanted);
    CHECK_FALSE(env.exists());
  };
  check("colour=red", errc::invalid_argument);
  check("serialiser=cbor", errc::invalid_argument);
  check("serializer=json", errc::unknown_codec);
  check("compressor=gzip", errc::unknown_codec);
  check("encryptor=rot13&keyring=" + env.keyring_file, errc::unknown_codec);
  check("sync=maybe", errc::invalid_argument);
  check("threads=0", errc::invalid_argument);
  check("encryptor=xaes-gcm", errc::invalid_argument);
  check("encryptor=xaes-gcm&keyring=" + env.dir / "missing", errc::not_found);
  check("passphrase-env=" + std::string{passphrase_variable},
        errc::invalid_argument);
  check("keyring=" + env.keyring_file
          + "&passphrase-env=" + passphrase_variable,
        errc::invalid_argument);
}

TEST_CASE("an unknown scheme is answered with those that are known") {
  auto result = open_store("tape:0");
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::invalid_argument);
  CHECK(result.error().message().find("file") != std::string::npos);
  CHECK(code_of(store_exists("tape:0")) == errc::invalid_argument);
  CHECK(code_of(destroy_store("tape:0")) == errc::invalid_argument);
  CHECK_FALSE(open_store(""));
  CHECK_FALSE(open_store("no scheme"));
}

// -- encryption ---------------------------------------------------------------

TEST_CASE("an encrypted store shows nothing of its values") {
  fixture env;
  auto secret = std::string{"a secret that is easy to find"};
  {
    threaded_world world;
    auto store = world.spawn(env.encrypted("compressor=lz4"));
    blocking_client client{world.system(), store};
    put_options options;
    options.extras = value::map({{"note", secret}});
    REQUIRE(client.put("value", secret, options));
    REQUIRE(client.write("binary", to_bytes(secret)));
  }
  CHECK(env.content().find(secret) == std::string::npos);
  {
    threaded_world world;
    blocking_client client{world.system(), world.spawn(env.encrypted())};
    CHECK(client.get("value") == value{secret});
    CHECK(client.read("binary") == to_bytes(secret));
    CHECK(client.meta("value")->extras == value::map({{"note", secret}}));
  }
  threaded_world world;
  blocking_client client{world.system(), world.spawn(env.uri())};
  CHECK(code_of(client.get("value")) == errc::unknown_encryption_key);
  CHECK(code_of(client.read("binary")) == errc::unknown_encryption_key);
  // A listing names the keys and why there is no more.
  size_t keys = 0;
  list_keys_request req;
  req.with_metadata = true;
  CHECK(client.for_each_key(req, [&](key_entry& x) -> expected<void> {
    ++keys;
    CHECK(x.damage.find("unknown_encryption_key") != std::string::npos);
    return {};
  }));
  CHECK(keys == 2);
}

TEST_CASE("another keyring does not open an encrypted store") {
  fixture env;
  {
    threaded_world world;
    blocking_client client{world.system(), world.spawn(env.encrypted())};
    REQUIRE(client.put("k", 1));
  }
  keyring other;
  REQUIRE(other.add(encryption_key::random()));
  REQUIRE(other.save(env.keyring_file));
  threaded_world world;
  blocking_client client{world.system(), world.spawn(env.encrypted())};
  CHECK(code_of(client.get("k")) == errc::unknown_encryption_key);
}

TEST_CASE("a sealed keyring opens with its passphrase alone") {
  fixture env;
  keyring ring;
  REQUIRE(ring.add(encryption_key::random()));
  REQUIRE(ring.save(env.keyring_file, "open sesame"));
  auto uri
    = env.encrypted("passphrase-env=" + std::string{passphrase_variable});
  CHECK(code_of(open_store(env.encrypted())) == errc::invalid_argument);
  CHECK(code_of(open_store(uri)) == errc::invalid_argument);
  {
    variable wrong{passphrase_variable, "open barley"};
    auto result = open_store(uri);
    REQUIRE_FALSE(result);
    CHECK(result.error() == errc::authentication_failed);
    CHECK(result.error().message().find("barley") == std::string::npos);
  }
  CHECK_FALSE(env.exists());
  variable right{passphrase_variable, "open sesame"};
  threaded_world world;
  blocking_client client{world.system(), world.spawn(uri)};
  REQUIRE(client.put("k", 1));
  CHECK(client.get("k") == value{1});
}

// -- changing chains ----------------------------------------------------------

TEST_CASE("a store whose chain changes reads all its old blobs") {
  fixture env;
  const std::vector<std::string> chains
    = {"serializer=cbor",
       "serializer=edn&compressor=lz4",
       "serializer=boost-binary&compressor=zstd",
       "compressor=zstd&encryptor=xaes-gcm",
       "serializer=edn&encryptor=xaes-gcm",
       "serializer=cbor&compressor=none"};
  auto content_of = [](size_t i) {
    return value::map({{"number", i},
                       {"text", std::string(1000, 'x')},
                       {value::keyword("k"), {}}});
  };
  for (size_t i = 0; i < chains.size(); ++i) {
    threaded_world world;
    auto uri = env.uri(chains[i] + "&keyring=" + env.keyring_file);
    auto config = open_store(uri);
    REQUIRE(config);
    config->key_actors = 2;
    blocking_client client{world.system(), world.spawn(std::move(*config))};
    for (size_t k = 0; k < i; ++k) {
      CHECK(client.get(k) == content_of(k));
      CHECK(client.read("binary " + std::to_string(k))
            == to_bytes("binary content"));
    }
    REQUIRE(client.put(i, content_of(i)));
    REQUIRE(
      client.write("binary " + std::to_string(i), to_bytes("binary content")));
    // One key goes through all chains.
    CHECK(client.update("counter", {}, "inc")->after
          == value{static_cast<int64_t>(i) + 1});
  }
}

TEST_CASE("spawning by URI opens or creates, or says why not") {
  fixture env;
  threaded_world world;
  auto bad = spawn_store(world.system(), "tape:0");
  REQUIRE_FALSE(bad);
  CHECK(bad.error() == errc::invalid_argument);
  auto store = spawn_store(world.system(), env.uri());
  REQUIRE(store);
  blocking_client client{world.system(), *store};
  CHECK(client.put("k", 1));
  auto info = client.info();
  REQUIRE(info);
  CHECK(info->find(value::keyword("name")) != nullptr);
  CHECK(client.close_store());
}

TEST_CASE("a store says what it is") {
  fixture env;
  threaded_world world;
  auto store = world.spawn(env.encrypted("serializer=edn&compressor=lz4"));
  blocking_client client{world.system(), store};
  auto info = client.info();
  REQUIRE(info);
  auto entry = [&](std::initializer_list<std::string_view> names) {
    path steps;
    for (auto name : names)
      steps.push_back(value::keyword(name));
    auto found = get_in(*info, steps);
    REQUIRE(found);
    return *found;
  };
  CHECK(entry({"chain", "serializer"}) == value{"edn"});
  CHECK(entry({"chain", "compressor"}) == value{"lz4"});
  CHECK(entry({"chain", "encryptor"}) == value{"xaes-gcm"});
  CHECK(entry({"id"}).is(value::kind::uuid));
  CHECK(entry({"engine", "domain"}) == value::keyword("machine"));
  CHECK(entry({"functions"}).size() == 14);
  // No secret, no option of the keyring in the name.
  CHECK(entry({"name"}) == value{"file:" + env.dir / "store"});
}

TEST_CASE("what is left of a front is not opened as a store") {
  fixture env;
  {
    backend_registry registry;
    auto left = (*registry.find("file"))->create(*uri::parse(env.uri()));
    REQUIRE(left);
    write_blob(**left, std::string{detail::front_mark}, {});
  }
  for (auto mode : {open_mode::open, open_mode::open_or_create}) {
    auto refused = open_store(env.uri(), mode);
    CHECK(code_of(refused) == errc::invalid_argument);
  }
  // It is a tiered store's to destroy, as soon as there is one again.
  auto store
    = open_store("tiered:memory:?front=" + env.uri(), open_mode::create);
  CHECK(store);
  *store = {};
  CHECK(!env.exists());
}
