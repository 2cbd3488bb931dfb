// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/unhex.hpp"

#include "larder/detail/builtin_codecs.hpp"
#include "larder/keyring.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <thread>

using namespace larder;
using larder::test::unhex;

namespace {

encryption_key key_of(unsigned char fill) {
  return {7, bytes(encryption_key::secret_size, std::byte{fill})};
}

struct fixture {
  std::shared_ptr<const encryptor> codec = detail::make_xaes_gcm_encryptor();
  encryption_key key = key_of(1);

  bytes seal(std::string_view plain, std::string_view data = "") const {
    bytes result;
    REQUIRE(codec->encrypt(key, as_bytes(data), as_bytes(plain), result));
    return result;
  }
};

} // namespace

TEST_CASE("XAES-256-GCM opens the published vectors", "[crypto]") {
  auto codec = detail::make_xaes_gcm_encryptor();
  auto nonce = std::string{"ABCDEFGHIJKLMNOPQRSTUVWX"};
  auto open
    = [&](unsigned char fill, std::string_view data, std::string_view hex) {
        auto sealed = to_bytes(nonce);
        append(sealed, unhex(hex));
        auto plain = codec->decrypt(key_of(fill), as_bytes(data), sealed);
        REQUIRE(plain);
        return std::string{as_chars(*plain)};
      };
  CHECK(open(1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271")
        == "XAES-256-GCM");
  CHECK(open(3, "c2sp.org/XAES-256-GCM",
             "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d")
        == "XAES-256-GCM");
}

TEST_CASE("the subkey is CMAC's K1", "[crypto]") {
  // NIST SP 800-38B, example for AES-256.
  encryption_key key{1, unhex("603deb1015ca71be2b73aef0857d7781"
                              "1f352c073b6108d72d9810a30914dff4")};
  CHECK(to_hex(key.cmac_subkey()) == "cad1ed03299eedac2e9a99808621502f");
}

TEST_CASE_METHOD(fixture, "sealed data opens again, whatever its size",
                 "[crypto]") {
  for (size_t size : {0, 1, 15, 16, 17, 4096, 1 << 20}) {
    auto plain = std::string(size, 'x');
    auto sealed = seal(plain, "context");
    CHECK(sealed.size() == size + codec->overhead());
    auto opened = codec->decrypt(key, as_bytes("context"), sealed);
    REQUIRE(opened);
    CHECK(as_chars(*opened) == plain);
  }
}

TEST_CASE_METHOD(fixture, "encryption appends to what is there", "[crypto]") {
  auto out = to_bytes("before");
  REQUIRE(codec->encrypt(key, {}, as_bytes("plain"), out));
  CHECK(as_chars(bytes_view{out}.first(6)) == "before");
  auto opened = codec->decrypt(key, {}, bytes_view{out}.subspan(6));
  REQUIRE(opened);
  CHECK(as_chars(*opened) == "plain");
}

TEST_CASE_METHOD(fixture, "every changed bit fails authentication",
                 "[crypto]") {
  auto sealed = seal("some text", "context");
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    auto changed = sealed;
    changed[i / 8] ^= static_cast<std::byte>(1 << (i % 8));
    CHECK(codec->decrypt(key, as_bytes("context"), changed).error()
          == errc::authentication_failed);
  }
  for (size_t i = 0; i < sealed.size(); ++i)
    CHECK(codec->decrypt(key, as_bytes("context"), bytes_view{sealed}.first(i))
            .error()
          == errc::authentication_failed);
  CHECK(codec->decrypt(key, as_bytes("contexT"), sealed).error()
        == errc::authentication_failed);
  CHECK(codec->decrypt(key_of(2), as_bytes("context"), sealed).error()
        == errc::authentication_failed);
  CHECK(codec->decrypt(key, as_bytes("context"), sealed));
}

TEST_CASE_METHOD(fixture, "no nonce comes twice, in any thread", "[crypto]") {
  constexpr size_t threads = 4;
  constexpr size_t per_thread = 5'000;
  std::array<std::vector<std::string>, threads> nonces;
  std::vector<std::thread> workers;
  for (auto& mine : nonces)
    workers.emplace_back([this, &mine] {
      for (size_t i = 0; i < per_thread; ++i) {
        bytes out;
        std::ignore = codec->encrypt(key, {}, as_bytes("x"), out);
        mine.emplace_back(as_chars(bytes_view{out}.first(24)));
      }
    });
  for (auto& worker : workers)
    worker.join();
  std::set<std::string> all;
  for (auto& mine : nonces)
    all.insert(mine.begin(), mine.end());
  CHECK(all.size() == threads * per_thread);
}
