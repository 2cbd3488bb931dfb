// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the reference implementation, org.fressian 0.6.6, wrote and reads.

#include "larder/detail/fressian.hpp"

#include "serializers/arbitrary_value.hpp"
#include "serializers/unhex.hpp"

#include "larder/codec.hpp"
#include "larder/codec_compliance.hpp"

#include <catch2/catch.hpp>
#include <openssl/evp.h>
#include <rapidcheck/catch.h>

using namespace larder;
using namespace larder::detail::fressian;

using boost::multiprecision::cpp_int;

namespace {

const serializer& fressian() {
  static const codec_registry registry;
  static const auto result = registry.find_serializer("fressian").value();
  return *result;
}

value edn(std::string_view str) {
  auto result = parse_edn(str);
  REQUIRE(result);
  return *result;
}

bytes encoded(const value& x) {
  bytes result;
  REQUIRE(fressian().encode(x, result, {}));
  return result;
}

expected<value> decode_hex(std::string_view digits, const limits& lim = {}) {
  return fressian().decode(test::unhex(digits), lim);
}

void decodes(std::string_view digits, const value& x) {
  INFO(digits);
  auto result = decode_hex(digits);
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  CHECK(*result == x);
}

/// Both ways.
void is_form(std::string_view digits, const value& x) {
  decodes(digits, x);
  CHECK(to_hex(encoded(x)) == digits);
}

void refused(std::string_view digits, std::string_view why,
             errc code = errc::corruption) {
  INFO(digits);
  auto result = decode_hex(digits);
  REQUIRE(!result);
  INFO(to_string(result.error()));
  CHECK(result.error() == code);
  CHECK(result.error().message().find(why) != std::string::npos);
}

std::string repeated(std::string_view unit, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i)
    result += unit;
  return result;
}

std::string sha256(bytes_view xs) {
  bytes digest(32);
  REQUIRE(EVP_Digest(xs.data(), xs.size(),
                     reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                     EVP_sha256(), nullptr)
          == 1);
  return to_hex(digest);
}

value nested(size_t depth) {
  value result;
  for (size_t i = 0; i < depth; ++i)
    result = value::vector({std::move(result)});
  return result;
}

} // namespace

// -- forms --------------------------------------------------------------------

TEST_CASE("fressian writes integers in the fewest bytes, as Java does") {
  std::pair<std::string_view, std::string_view> cases[] = {
    {"0", "00"},
    {"63", "3f"},
    {"64", "5040"},
    {"-1", "ff"},
    {"-2", "4ffe"},
    {"-4096", "4000"},
    {"-4097", "67efff"},
    {"4095", "5fff"},
    {"4096", "681000"},
    {"524287", "6fffff"},
    {"524288", "72080000"},
    {"-524288", "600000"},
    {"-524289", "71f7ffff"},
    {"33554431", "73ffffff"},
    {"33554432", "7602000000"},
    {"-33554432", "70000000"},
    {"-33554433", "75fdffffff"},
    {"8589934591", "77ffffffff"},
    {"8589934592", "7a0200000000"},
    {"-8589934592", "7400000000"},
    {"-8589934593", "79fdffffffff"},
    {"2199023255551", "7bffffffffff"},
    {"2199023255552", "7e020000000000"},
    {"-2199023255552", "780000000000"},
    {"-2199023255553", "7dfdffffffffff"},
    {"562949953421311", "7fffffffffffff"},
    {"562949953421312", "f80002000000000000"},
    {"-562949953421312", "7c000000000000"},
    {"-562949953421313", "f8fffdffffffffffff"},
    {"9223372036854775807", "f87fffffffffffffff"},
    {"-9223372036854775808", "f88000000000000000"},
    {"18446744073709551616", "c6d909010000000000000000"},
    {"-9223372036854775809", "c6d909ff7fffffffffffffff"},
  };
  for (auto& [number, digits] : cases)
    is_form(digits, edn(number));
}

TEST_CASE("fressian reads big integers that are small as plain ones") {
  std::pair<std::string_view, std::string_view> cases[] = {
    {"0", "c6d100"},      {"128", "c6d20080"},      {"-128", "c6d180"},
    {"-129", "c6d2ff7f"}, {"255", "c6d200ff"},      {"-255", "c6d2ff01"},
    {"-256", "c6d2ff00"}, {"-65536", "c6d3ff0000"},
  };
  for (auto& [number, digits] : cases)
    decodes(digits, edn(number));
}

TEST_CASE("fressian writes scalars as konserve does") {
  is_form("f7", value{});
  is_form("f5", true);
  is_form("f6", false);
  is_form("c6d90d018ee90ff6c373e0ee4e3f0ad2",
          edn("123456789012345678901234567890"));
  is_form("c7d304cb2f05", edn("3.14159M"));
  is_form("c7d1ff00", edn("-1M"));
  is_form("fa4005bf0a8b145769", 2.718281828459045);
  is_form("fb", 0.0);
  is_form("fc", 1.0);
  is_form("fa7ff8000000000000", std::numeric_limits<double>::quiet_NaN());
  is_form("efde63686172015078", U'x');
  is_form("da", "");
  is_form("db62", "b");
  is_form("e308776f726473212121", "words!!!");
  is_form("e0eda0bdedb880", "\U0001F600");
  is_form("cacdde736f6d65cde16b6579776f7264", value::keyword("some/keyword"));
  is_form("caf7cddf706c61696e", value::keyword("plain"));
  is_form("c9f7cddf706c61696e", value::symbol("plain"));
  is_form("c3d91000000000000000000000000000000000", uuid{});
  is_form("c87ba201a1ab23", value::instant(1795323702051));
  is_form("d3000102", bytes{std::byte{0}, std::byte{1}, std::byte{2}});
  is_form("d908" + repeated("07", 8), bytes(8, std::byte{7}));
}

TEST_CASE("fressian keeps the sign of zero, which Java writes without") {
  is_form("fa8000000000000000", -0.0);
}

TEST_CASE("fressian writes collections as konserve does") {
  is_form("efde70766563020601"
          "0203de666f7572caf7cdde66697665f7",
          edn("[1 2 3 \"four\" :five nil]"));
  is_form("efdf706c697374020301"
          "0203",
          edn("(1 2 3)"));
  is_form("efde7076656302"
          "02efdf706c6973740200a000",
          edn("[() []]"));
  is_form("c0e4", value::map());
  is_form("c1e4", value::set());
  is_form("c1e70102db61", edn("#{1 2 \"a\"}"));
  is_form("c0e8db6101db6202", edn("{\"a\" 1 \"b\" 2}"));
  is_form("c0ec080102030405060708", edn("{1 2 3 4 5 6 7 8}"));
}

TEST_CASE("fressian writes each part of a name once") {
  is_form("efde707665630204" // [:a/b a/b :b :b/a]
          "cacddb61cddb62"
          "c98081"
          "caf781"
          "ca8180",
          edn("[:a/b a/b :b :b/a]"));
  // Empty parts are not worth a place, and long ones are too much.
  is_form("efde707665630202c9f7dac9f7da",
          value::vector({value::symbol(""), value::symbol("")}));
  auto name = value::keyword(std::string(257, 'x'));
  is_form("efde707665630202" + repeated("caf7e35101" + repeated("78", 257), 2),
          value::vector({name, name}));
}

TEST_CASE("fressian takes names apart as Clojure does") {
  is_form("caf7cddb2f", value::keyword("/"));
  is_form("cacddb61cddd622f63", value::keyword("a/b/c"));
  is_form("cadacddb61", value::keyword("/a"));
  is_form("cacddb61da", value::keyword("a/"));
  is_form("caf7da", value::keyword(""));
}

TEST_CASE("fressian writes text and bytes in chunks as Java does") {
  auto check = [](const value& x, size_t size, std::string_view digest) {
    auto out = encoded(x);
    CHECK(out.size() == size);
    CHECK(sha256(out) == digest);
    CHECK(fressian().decode(out, {}) == x);
  };
  check(std::string(65'536, 'x'), 65540,
        "1f706420839b8099dd23d11d66d0d282086036bdc8597bd349d2ea5be631416d");
  check(std::string(65'540, 'x'), 65545,
        "e0a9aec9def0b664a7bc25e06f7c83451518110252d04ba1d5537b8d91962a56");
  check(std::string(200'000, 'x'), 200015,
        "e3cb3b64ca21effebe68eb3d087654e4564b0302376b7cb17a84aa84a30780b1");
  check(repeated("a\u00e4\u20ac\U0001F600", 20'000), 240016,
        "08d0cfb3ef90f4b5cdaa89ebbcf48a441f8784cd777cdbeebeaa927e8752b5ae");
  check(bytes(65'535), 65539,
        "5d6e32fe25e8be276fce9686c627267590c5d82cb8698b065087d1da55c632dd");
  check(bytes(65'536), 65542,
        "b0a4610cbe6bd7e6fca2c2e4dd8a68ae2eded9defc6d1d76a0a6dff907cbc3d1");
  check(bytes(200'000), 200015,
        "07f0ead6d538d48c43138940b2ddfcb83955dff822aa6cf4d5d465864627435d");
}

// -- what only readers know ---------------------------------------------------

TEST_CASE("fressian reads arrays as vectors") {
  decodes("b00301ff7b0000000000", edn("[1 -1 1099511627776]"));
  decodes("b3020166ee90", edn("[1 -70000]"));
  decodes("b103fbfcfa3fe0000000000000", edn("[0.0 1.0 0.5]"));
  decodes("b402f900000000f93fc00000", edn("[0.0 1.5]"));
  decodes("b202f5f6", edn("[true false]"));
  decodes("b50301db61f7", edn("[1 \"a\" nil]"));
  refused("b001fb", "an array has an element of another type");
  refused("b10101", "an array has an element of another type");
  refused("b20101", "an array has an element of another type");
}

TEST_CASE("fressian reads lists of its own, closed and open") {
  decodes("e7010203", edn("(1 2 3)"));
  decodes("ec09010203040506070809", edn("(1 2 3 4 5 6 7 8 9)"));
  decodes("ed01db78fd", edn("(1 \"x\")"));
  decodes("edfd", edn("()"));
  decodes("ee01db78", edn("(1 \"x\")")); // ends with the input
  decodes("ee01fd", edn("(1)"));
  refused("ed01", "cut off");
  refused("fd", "no object begins with 0xfd");
  // Maps and sets take any of them, and vectors.
  decodes("c0ed0102fd", edn("{1 2}"));
  decodes("c1efde7076656302020102", edn("#{1 2}"));
}

TEST_CASE("fressian reads footers and forgets what was cached before") {
  decodes("df68656c6c6fcfcfcfcf0000000638130636", "hello");
  refused("df68656c6c6fcfcfcfcf000000063813063607cfcfcfcf00000001154f0345",
          "something follows");
  decodes("df68656c6c6fcfcfcfcf0000000638130636", "hello");
  // One before the object is the end of an empty segment.
  refused("cfcfcfcf000000000000000007", "a footer does not match");
  refused("df68656c6c6fcfcfcfcf0000000638130637", "a footer does not match");
  refused("df68656c6c6fcfcfcfcf0000000738130636", "a footer does not match");
  refused("df68656c6c6fcfcfcfce0000000638130636", "a footer does not match");
  refused("df68656c6c6fcfcfcfcf00000006381306", "cut off");
}

TEST_CASE("fressian follows references into its caches") {
  decodes("fecddf68656c6c6f", "hello");
  decodes("edcddf68656c6c6f80fecddf68656c6c6ffd",
          edn("(\"hello\" \"hello\" \"hello\")"));
  decodes("edcde6010280fd", edn("((1 2) (1 2))"));
  std::vector<value> names;
  for (int n = 0; n < 68; ++n)
    names.emplace_back("k" + std::string(1, static_cast<char>('A' + n % 34)));
  decodes("edcddc6b41cddc6b42cddc6b43cddc6b44cddc6b45cddc6b46cddc6b47cd"
          "dc6b48cddc6b49cddc6b4acddc6b4bcddc6b4ccddc6b4dcddc6b4ecddc6b"
          "4fcddc6b50cddc6b51cddc6b52cddc6b53cddc6b54cddc6b55cddc6b56cd"
          "dc6b57cddc6b58cddc6b59cddc6b5acddc6b5bcddc6b5ccddc6b5dcddc6b"
          "5ecddc6b5fcddc6b60cddc6b61cddc6b62808182838485868788898a8b8c"
          "8d8e8f909192939495969798999a9b9c9d9e9fcc20cc21fd",
          value::list(names));
  refused("80", "a reference names no cached object");
  refused("cc05", "a reference names no cached object");
  refused("ccff", "a reference names no cached object");
  refused("e6cd01fe80", "a reference names no cached object");
  refused("cde580", "a cached object refers to itself");
  refused("cde5fe01", "the caches are reset inside of a cached object");
  // An object that is cached in parts takes its place first.
  decodes("e7cde5cd058081", edn("((5) (5) 5)"));
}

TEST_CASE("fressian reads structs of unknown tags as elements, and back") {
  is_form("efe3086d792f706f696e74020102", edn("#my/point (1 2)"));
  decodes("edefdb700101a002fd", edn("(#p (1) #p (2))"));
  std::vector<value> structs;
  for (int i = 0; i < 34; ++i)
    structs.push_back(
      value::tagged("t" + std::string(1, static_cast<char>('a' + i % 17)),
                    value::list({i % 17})));
  decodes("edefdc74610100efdc74620101efdc74630102efdc74640103efdc746501"
          "04efdc74660105efdc74670106efdc74680107efdc74690108efdc746a01"
          "09efdc746b010aefdc746c010befdc746d010cefdc746e010defdc746f01"
          "0eefdc7470010fefdc74710110a000a101a202a303a404a505a606a707a8"
          "08a909aa0aab0bac0cad0dae0eaf0ff01010fd",
          value::list(structs));
  auto again = encoded(value::vector(structs));
  CHECK(fressian().decode(again, {}) == value::vector(structs));
  is_form("efe3087a65726f2d61726700", value::tagged("zero-arg", value::list()));
  // Structs of a tag that differ in their number of fields are two types.
  is_form("efde707665630203efdb740101efdb74020102a203"
          "04",
          edn("[#t (1) #t (1 2) #t (3 4)]"));
  refused("a0", "a struct has a type that was not introduced");
  refused("f010", "a struct has a type that was not introduced");
  refused("ef0101", "the tag of a struct is no string");
  refused("efe30b6c61726465722f6e616d6501"
          "05",
          "reserved tag");
}

TEST_CASE("fressian reads records as elements, and back") {
  // As konserve's incognito writes them: entries are lists of two.
  is_form("efe169"
          "7265636f72640201c9f7cde06e732e526563e6caf7cddb6101",
          edn("#ns.Rec {:a 1}"));
  decodes("efe1697265636f72640201c9f7e06e732e526563"
          "efde70766563020201"
          "02",
          edn("#ns.Rec {1 2}"));
  refused("efe1697265636f72640201db61e60102", "a record has no name");
  refused("efe1697265636f72640201c9f7db6101", "no list");
  refused("efe1697265636f72640201c9f7db61e501", "no pair");
  refused("efe1697265636f72640202c9f7db61e60102e60103", "a key twice");
}

TEST_CASE("fressian writes what konserve has no form for in structs") {
  auto round_trip = [](const value& x, std::string_view tag) {
    auto out = encoded(x);
    CHECK(fressian().decode(out, {}) == x);
    CHECK(as_chars(out).substr(2).find(tag) != std::string_view::npos);
  };
  round_trip(U'\U0001F600', "larder/char");
  round_trip(value::tagged("a", 5), "larder/tagged");
  round_trip(value::tagged("a", value::vector({1})), "larder/tagged");
  // Names that konserve gives a meaning are kept from it.
  for (auto tag : {"pvec", "plist", "irecord", "char", "map", "set", "key",
                   "bigint", "byte", "larder-", "ratio", "record"}) {
    auto x = value::tagged(tag, value::list({1, "x"}));
    auto out = encoded(x);
    CHECK(fressian().decode(out, {}) == x);
    auto wrapped = as_chars(out).find("larder/tagged") != std::string::npos;
    CHECK(wrapped == (std::string_view{tag} != "larder-"));
  }
  // These have the fields that it expects.
  is_form("efdf726174696f020103", value::tagged("ratio", value::list({1, 3})));
  is_form("efe0"
          "7265636f726402c9f7cddb61c0e4",
          edn("#record (a {})"));
}

TEST_CASE("fressian reads patterns and addresses as elements, and back") {
  is_form("c4dd612b62", value::tagged("fressian/regex", "a+b"));
  is_form("c5e30d687474703a2f2f782e6f72672f",
          value::tagged("fressian/uri", "http://x.org/"));
  refused("c401", "a regex or URI is no string");
}

TEST_CASE("fressian reads known structs that are introduced by name") {
  decodes("efdd6d617001e60102", edn("{1 2}"));
  decodes("efde757569640"
          "1d910"
            + repeated("00", 16),
          uuid{});
  decodes("efde6279746501"
          "05",
          5);
  decodes("efdd6b657902f7db61", value::keyword("a"));
}

// -- text ---------------------------------------------------------------------

TEST_CASE("fressian reads CESU-8 and UTF-8, and refuses lone surrogates") {
  decodes("e0eda0bdedb880", "\U0001F600");
  decodes("def09f9880", "\U0001F600");
  decodes("e2"
          "03eda0bd"
          "dd"
          "edb880",
          "\U0001F600"); // split by chunks
  decodes("dcc3a4", "\u00e4");
  for (auto digits : {"ddeda0bd", "ddedb880", "e0eda0bdeda0bd", "deeda0bd61"})
    refused(digits, "half a surrogate pair");
  for (auto digits : {"db80", "dbc3", "dcc080", "dce0a4", "dbff", "dceda0"})
    refused(digits, "not UTF-8");
  refused("efde636861720176"
          "0000d800",
          "half a surrogate pair");
  refused("efde6368617201ff", "out of range");
  refused("efde636861720169"
          "0000",
          "out of range");
}

// -- damage -------------------------------------------------------------------

TEST_CASE("fressian refuses what no writer makes") {
  refused("", "cut off");
  for (auto code : {"b6", "bf", "c2", "cb", "ce", "f1", "f2", "f3", "f4"})
    refused(code, "no object begins with");
  refused("c0e501", "a key without a value");
  refused("c0e801020103", "a map has a key twice");
  refused("c1e60101", "a set has an item twice");
  refused("c001", "no list");
  refused("c3d101", "has not 16 bytes");
  refused("c3f7", "no bytes");
  refused("c6d0", "no digits");
  refused("c7d101db61", "no integer");
  refused("c7d1017f000000000000", "out of range");
  refused("c8db61", "no integer");
  refused("caf7f7", "no name");
  refused("ca01db61", "no string");
  refused("0000", "something follows");
  refused("ecff", "longer than the input");
  refused("ec7f7fffffffffff", "longer than the input");
  refused("e3f87fffffffffffffff", "longer than the input");
  refused("d9"
          "54ff",
          "longer than the input");
  refused("d80100"
          "01",
          "another chunk");
  refused("efde70766563"
          "02ff",
          "longer than the input");
}

TEST_CASE("fressian notices that a changed bit made a value shorter") {
  auto check = [](const value& x, size_t at, uint8_t mask) {
    INFO(to_edn(x));
    auto changed = encoded(x);
    changed[at] ^= std::byte{mask};
    refused(to_hex(changed), "something follows the value at byte");
  };
  check("abc", 0, 0x01);                    // DD, of three bytes, to DC
  check(bytes(3), 0, 0x02);                 // D3 to D1
  check(4096, 0, 0x20);                     // 68, of two bytes, to 48
  check(value::vector({1, 2, 3}), 7, 0x02); // a count of 3 to 1
  check(value::set({1, 2, 3}), 1, 0x02);    // E7, of three items, to E5
}

TEST_CASE("fressian limits nesting, of collections and of everything else") {
  limits lim;
  for (std::string_view unit : {"e5", "c1e5", "ed", "cde5",
                                "efde7076656302"
                                "01",
                                "efdb740101"}) {
    auto digits = repeated(unit, 100'000);
    auto result = decode_hex(digits);
    REQUIRE(!result);
    CHECK((result.error() == errc::limit_exceeded
           || result.error() == errc::corruption));
  }
  for (std::string_view unit : {"cd", "ef", "ca", "c3", "c7", "b5", "fecd"})
    CHECK(!decode_hex(repeated(unit, 100'000)));
  CHECK(decode_hex(repeated("fe", 100'000) + "05") == value{5});
  refused(repeated("cd", 2000) + "05", "nested too deep", errc::limit_exceeded);
  auto deep = encoded(nested(lim.max_depth));
  CHECK(fressian().decode(deep, lim) == nested(lim.max_depth));
  lim.max_depth -= 1;
  CHECK(fressian().decode(deep, lim).error() == errc::limit_exceeded);
  // A reference counts as what it refers to.
  lim.max_depth = 3;
  CHECK(decode_hex("e6cde5e50080", lim));
  CHECK(decode_hex("e6cde5e500e580", lim).error() == errc::limit_exceeded);
  // A struct is an element that holds a list.
  lim.max_depth = 2;
  CHECK(decode_hex("efdb740105", lim));
  lim.max_depth = 1;
  CHECK(decode_hex("efdb740105", lim).error() == errc::limit_exceeded);
}

TEST_CASE("fressian limits what references make of a small input") {
  // Each list holds the one before it twice.
  std::string digits = "ed"
                       "cde6"
                       "0000";
  for (int i = 0; i < 31; ++i) {
    auto ref = to_hex(bytes{static_cast<std::byte>(0x80 + i)});
    digits += "cde6" + ref + ref;
  }
  refused(digits + "fd", "references make the value larger",
          errc::limit_exceeded);
  limits lim;
  lim.max_value_size = 1000;
  CHECK(decode_hex("edcde6000080fd", lim));
  // The same long namespace in ever other keywords.
  std::string names = "edca"
                      "cde3681000"
                      + repeated("61", 4096) + "db61";
  for (int i = 0; i < 5000; ++i) {
    bytes name{static_cast<std::byte>('a' + i % 26),
               static_cast<std::byte>('a' + i / 26 % 26),
               static_cast<std::byte>('a' + i / 676)};
    names += "ca80dd" + to_hex(name);
  }
  refused(names + "fd", "references make names larger", errc::limit_exceeded);
  // A name that occurs again is one object.
  std::string same = "edca"
                     "cde3681000"
                     + repeated("61", 4096) + "cddb61";
  CHECK(decode_hex(same + repeated("ca8081", 5000) + "fd"));
}

TEST_CASE("fressian refuses what it cannot write") {
  bytes out{std::byte{42}};
  auto refuse = [&](const value& x) {
    auto res = fressian().encode(x, out, {});
    REQUIRE(!res);
    CHECK(res.error() == errc::invalid_argument);
    CHECK(out.size() == 1);
  };
  refuse(value::vector({1, "\xFF"}));
  refuse(value::keyword("\xFF"));
  refuse(value::tagged("\xFF", 1));
  refuse(value{char32_t{0xD800}});
  refuse(value{char32_t{0x110000}});
}

TEST_CASE("fressian survives any change of a byte") {
  // A value with all kinds; the flips that decode must encode again.
  std::vector<value> small;
  for (auto& x : sample_values())
    if (x.size() < 100)
      small.push_back(x);
  auto original = encoded(value::vector(small));
  for (size_t n = 0; n < original.size(); ++n)
    CHECK(!fressian().decode(bytes_view{original}.first(n), {}));
  for (size_t i = 0; i < original.size(); ++i) {
    for (int flip : {0x01, 0x02, 0x10, 0x80, 0xFF}) {
      auto changed = original;
      changed[i] ^= static_cast<std::byte>(flip);
      auto x = fressian().decode(changed, {});
      if (!x) {
        CHECK(
          (x.error() == errc::corruption || x.error() == errc::limit_exceeded));
        continue;
      }
      CHECK(fressian().decode(encoded(*x), {}) == *x);
    }
  }
}

TEST_CASE("fressian gives every value back") {
  rc::prop("what was encoded decodes to an equal value", [](const value& x) {
    bytes out;
    RC_ASSERT(fressian().encode(x, out, {}).has_value());
    auto y = fressian().decode(out, {});
    RC_ASSERT(y.has_value());
    RC_ASSERT(*y == x);
  });
}
