// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/konserve_samples.hpp"
#include "serializers/unhex.hpp"

#include "larder/konserve/cipher.hpp"

#include <set>

using namespace larder;
using namespace larder::konserve;
using namespace larder::test;

namespace {

constexpr std::string_view blob_name
  = "0bc19106-de58-5607-95ad-0cf0cee62b55.ksv";

/// The key 000102…1f.
bytes counting_key() {
  bytes result;
  for (int i = 0; i < 32; ++i)
    result.push_back(static_cast<std::byte>(i));
  return result;
}

cipher cbc(value key = "s3cr3t") {
  return cipher::aes_cbc(std::move(key)).value();
}

cipher gcm() {
  return cipher::aes_gcm(counting_key()).value();
}

bytes sealed(const cipher& with, bytes_view in,
             segment which = segment::value) {
  bytes out;
  REQUIRE(with.seal(blob_name, which, in, out));
  return out;
}

void check_error(const expected<bytes>& res, errc code) {
  REQUIRE_FALSE(res);
  CHECK(res.error() == code);
  CHECK(res.error().message().find("s3cr3t") == std::string::npos);
}

/// A value of 42 in Fressian, as konserve encrypted it with "s3cr3t".
bytes cbc_of_konserve() {
  return unhex(
    "f42469f7ae04ac837bd3174f7b24b26a0174751511c23c02d551d500e556d7bc"
    "4192c3901023944a99fe67640bb2fc8d665285739763d67680c61e8eb8875481"
    "1f05db48e6eb4a5ea252dc31da89de45");
}

} // namespace

TEST_CASE("konserve's aes decrypts what konserve has encrypted") {
  auto x = cbc().open(blob_name, segment::value, cbc_of_konserve());
  REQUIRE(x);
  CHECK(to_hex(*x) == "2a");
  CHECK(cbc().id() == 1);
}

TEST_CASE("konserve's aes decrypts every blob of a store of konserve's") {
  if (!have_konserve_samples())
    return;
  std::map<std::string, bytes> plain;
  for (auto& blob : konserve_blobs("FressianSerializer-none-none"))
    plain.emplace(blob.name, blob.content);
  auto with = cbc();
  size_t same = 0;
  auto blobs = konserve_blobs("FressianSerializer-none-aes");
  CHECK(blobs.size() == 55);
  for (auto& blob : blobs) {
    INFO(blob.name);
    CHECK(blob.encryptor == 1);
    auto meta = with.open(blob.name, segment::metadata, blob.metadata);
    REQUIRE(meta);
    CHECK(to_hex(bytes_view{*meta}.first(1)) == "c0"); // a map
    if (as_chars(*meta).find("binary") != std::string_view::npos)
      continue; // konserve encrypts no binaries
    auto content = with.open(blob.name, segment::value, blob.content);
    REQUIRE(content);
    // Ids of append logs differ from store to store.
    if (as_chars(*meta).find("append-log") != std::string_view::npos)
      continue;
    ++same;
    CHECK((*content == plain.at(blob.name)));
  }
  CHECK(same == 47);
}

TEST_CASE("konserve's aes takes any value as key") {
  std::vector<value> keys{"s3cr3t", value::keyword("s3cr3t"), 42,
                          value::vector({"a", 1}), unhex("00ff")};
  for (auto& x : keys)
    for (auto& y : keys) {
      auto res = cbc(y).open(blob_name, segment::value,
                             sealed(cbc(x), as_bytes("some content")));
      if (x == y)
        CHECK(res == to_bytes("some content"));
      else
        CHECK(res != to_bytes("some content"));
    }
  auto res = cipher::aes_cbc("\xFF");
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::invalid_argument);
}

TEST_CASE("konserve's aes-gcm decrypts vectors made independently") {
  auto first = unhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeafa0a1a2a3a4a5a6a7a8a9aaab"
                     "acadaeaf10101010101010101010101049377b1b93d4bddf3bc1bb3d"
                     "193d79372640");
  CHECK(gcm().open(blob_name, segment::value, first) == unhex("182a"));
  auto second
    = unhex("6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"
            "000102030405060708090a0b14c9be169d16d3d3811cd88264ebc0820572c74d"
            "ea510ff12a9a706b21402db52f003ff8d0eb604d5f5613672e0a3c0fff51bd66"
            "26e2");
  CHECK(gcm().open(blob_name, segment::metadata, second)
        == to_bytes("the metadata of a blob, 38 bytes long."));
  auto empty = bytes(44);
  append(empty, unhex("bfd30c9648b0a08a4776c30079929b34"));
  CHECK(gcm().open(blob_name, segment::value, empty) == bytes{});
  CHECK(gcm().id() == 2);
}

TEST_CASE("konserve's aes-gcm binds a segment to its blob and its place") {
  auto in = sealed(gcm(), as_bytes("content"));
  CHECK(gcm().open(blob_name, segment::value, in) == to_bytes("content"));
  check_error(gcm().open(blob_name, segment::metadata, in),
              errc::authentication_failed);
  check_error(gcm().open("another.ksv", segment::value, in),
              errc::authentication_failed);
  check_error(cipher::aes_gcm(bytes(32))->open(blob_name, segment::value, in),
              errc::authentication_failed);
}

TEST_CASE("konserve's aes-gcm notices every changed bit") {
  auto in = sealed(gcm(), as_bytes("content"));
  for (size_t i = 0; i < in.size() * 8; ++i) {
    auto damaged = in;
    damaged[i / 8] ^= std::byte{1} << (i % 8);
    check_error(gcm().open(blob_name, segment::value, damaged),
                errc::authentication_failed);
  }
}

TEST_CASE("a key of konserve's aes-gcm is 32 bytes or 64 digits") {
  auto key = counting_key();
  auto in = sealed(gcm(), as_bytes("content"));
  auto digits = to_hex(key);
  CHECK(cipher::aes_gcm(as_bytes(digits))->open(blob_name, segment::value, in));
  for (auto& c : digits)
    c = static_cast<char>(std::toupper(c));
  CHECK(cipher::aes_gcm(as_bytes(digits))->open(blob_name, segment::value, in));
  digits.back() = 'g';
  std::string secret = "s3cr3t";
  for (auto bad : {std::string{}, secret, digits, digits.substr(1),
                   digits + "0", std::string(31, 'a'), std::string(33, 'a')}) {
    auto res = cipher::aes_gcm(as_bytes(bad));
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::invalid_argument);
    CHECK(res.error().message().find(digits.substr(0, 8)) == std::string::npos);
    CHECK(res.error().message().find(secret) == std::string::npos);
  }
}

TEST_CASE("konserve's ciphers decrypt what they have encrypted") {
  for (auto& with : {cbc(), gcm()})
    for (size_t size : {0, 1, 15, 16, 17, 32, 1000, 100'000})
      for (auto which : {segment::metadata, segment::value}) {
        INFO("cipher " << int{with.id()} << ", " << size << " bytes");
        bytes in(size, std::byte{7});
        bytes out = unhex("beef");
        REQUIRE(with.seal(blob_name, which, in, out));
        CHECK(to_hex(bytes_view{out}.first(2)) == "beef");
        auto segment = bytes_view{out}.subspan(2);
        CHECK(segment.size()
              == (with.id() == 1 ? 64 + (size / 16 + 1) * 16 : size + 60));
        CHECK((with.open(blob_name, which, segment) == in));
      }
}

TEST_CASE("konserve's ciphers never encrypt the same way twice") {
  for (auto& with : {cbc(), gcm()}) {
    std::set<std::string> salts;
    for (int i = 0; i < 100; ++i) {
      auto out = sealed(with, as_bytes("the same"));
      auto salt = bytes_view{out}.first(with.id() == 1 ? 64 : 32);
      salts.emplace(as_chars(salt));
      if (with.id() == 1) // ClojureScript misreads this one
        CHECK(std::find(salt.begin(), salt.end(), std::byte{0x80})
              == salt.end());
    }
    CHECK(salts.size() == 100);
  }
}

TEST_CASE("konserve's ciphers refuse segments that are cut off") {
  for (auto& with : {cbc(), gcm()}) {
    auto in = sealed(with, as_bytes("some content, more than one block"));
    auto least = with.id() == 1 ? size_t{80} : size_t{60};
    for (size_t n = 0; n < in.size(); ++n) {
      INFO("cipher " << int{with.id()} << " cut to " << n);
      auto res = with.open(blob_name, segment::value, bytes_view{in}.first(n));
      if (n < least || (with.id() == 1 && n % 16 != 0))
        check_error(res, errc::corruption);
      else if (with.id() == 2)
        check_error(res, errc::authentication_failed);
      else if (!res)
        check_error(res, errc::authentication_failed);
    }
  }
}

TEST_CASE("konserve's aes tells a wrong key by its padding most of the time") {
  size_t refused = 0;
  for (int i = 0; i < 200; ++i) {
    auto res = cbc(i).open(blob_name, segment::value, cbc_of_konserve());
    if (res) {
      CHECK(to_hex(*res) != "2a");
      continue;
    }
    ++refused;
    check_error(res, errc::authentication_failed);
    CHECK_THAT(res.error().message(), Catch::Contains("wrong"));
    CHECK_THAT(res.error().message(), Catch::Contains("damaged"));
  }
  CHECK(refused > 150);
}
