// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// What konserve's serializers write in CBOR beyond what larder's own does.

#include "serializers/arbitrary_value.hpp"
#include "serializers/unhex.hpp"

#include "larder/codec.hpp"
#include "larder/number.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <map>

using namespace larder;
using larder::test::unhex;

namespace {

const serializer& named(std::string_view name) {
  static const codec_registry registry;
  return *registry.find_serializer(name).value();
}

expected<value> cbor(std::string_view hex, const limits& lim = {}) {
  INFO(hex);
  return named("cbor").decode(unhex(hex), lim);
}

expected<value> clj_cbor(std::string_view hex) {
  INFO(hex);
  return named("clj-cbor").decode(unhex(hex), limits{});
}

std::string encoded(const value& x) {
  bytes out;
  REQUIRE(named("cbor").encode(x, out, limits{}));
  return to_hex(out);
}

value kw(std::string_view name) {
  return value::keyword(name);
}

value vec(std::vector<value> xs) {
  return value::vector(std::move(xs));
}

void check_corrupt(const expected<value>& res) {
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::corruption);
}

/// Writes an array in a namespace, with a reference wherever a string or the
/// name of a keyword has a number: what boring does.
class referring_writer {
public:
  explicit referring_writer(const std::vector<value>& xs) {
    put("d90100");
    head(0x80, xs.size());
    for (auto& x : xs) {
      if (x.is(value::kind::keyword)) {
        put("d827");
        string(0x60, ":" + std::string{x.as_string()});
      } else if (x.is(value::kind::bytes)) {
        string(0x40, std::string{as_chars(x.as_bytes())});
      } else {
        string(0x60, std::string{x.as_string()});
      }
    }
  }

  bytes out;

private:
  void put(std::string_view hex) {
    append(out, unhex(hex));
  }

  void head(int major, size_t x) {
    auto add = [&](size_t y) { out.push_back(static_cast<std::byte>(y)); };
    if (x < 24)
      return add(major | x);
    if (x < 0x100) {
      add(major | 24);
      return add(x);
    }
    if (x < 0x10000) {
      add(major | 25);
      return append_big_endian(out, static_cast<uint16_t>(x));
    }
    add(major | 26);
    append_big_endian(out, static_cast<uint32_t>(x));
  }

  void string(int major, const std::string& str) {
    auto known = table_.find({major, str});
    if (known != table_.end()) {
      put("d819");
      return head(0, known->second);
    }
    head(major, str.size());
    append(out, as_bytes(str));
    auto next = table_.size();
    size_t shortest = next < 24 ? 3 : next < 256 ? 4 : next < 65536 ? 5 : 7;
    if (str.size() >= shortest)
      table_.emplace(std::make_pair(major, str), next);
  }

  std::map<std::pair<int, std::string>, size_t> table_;
};

/// What boring appends to a value of `size` bytes.
std::string frame(size_t size, std::string_view head = "8610d84e40d84e40404100",
                  std::string_view tail = "") {
  bytes offset;
  append_big_endian(offset, uint64_t{size});
  return "d81b826c626f72696e672f696e646578" + std::string{head} + "48"
         + to_hex(offset) + std::string{tail};
}

} // namespace

// -- references to strings ----------------------------------------------------

TEST_CASE("cbor resolves references as the specification's examples say") {
  auto entry = [](std::string_view name, int count) {
    return value::map({{to_bytes("rank"), 4},
                       {to_bytes("count"), count},
                       {to_bytes("name"), to_bytes(name)}});
  };
  CHECK(
    cbor("d90100 83 a3 4472616e6b04 45636f756e741901a1 446e616d65"
         "48436f636b7461696c a3 d81902 4442617468 d81901190138 d8190004"
         "a3 d81902 44466f6f64 d819011902b3 d8190004")
      .value()
    == vec({entry("Cocktail", 417), entry("Bath", 312), entry("Food", 691)}));
  // "1" and "4" are too short for a number, and "rrr" when 24 are given.
  std::vector<value> xs;
  std::string hex = "d90100 9820";
  for (auto str :
       {"1",   "222", "333", "4",   "555", "666", "777", "888", "999",
        "aaa", "bbb", "ccc", "ddd", "eee", "fff", "ggg", "hhh", "iii",
        "jjj", "kkk", "lll", "mmm", "nnn", "ooo", "ppp", "qqq", "rrr"}) {
    xs.emplace_back(str);
    hex += xs.back().size() == 1 ? "61" : "63";
    hex += to_hex(as_bytes(str));
  }
  hex += "d81901 6473737373 d81917 63727272 d8191818";
  for (auto str : {"333", "ssss", "qqq", "rrr", "ssss"})
    xs.emplace_back(str);
  CHECK(cbor(hex).value() == vec(xs));
  // Each namespace has numbers of its own.
  CHECK(cbor("d90100 85 63616161 d81900 d90100 83 63626262 63616161 d81901"
             "d90100 82 63636363 d81900 d81900")
          .value()
        == vec({"aaa", "aaa", vec({"bbb", "aaa", "aaa"}), vec({"ccc", "ccc"}),
                "aaa"}));
}

TEST_CASE("cbor numbers strings wherever they are") {
  // Bytes in a UUID, a big integer and an array of numbers; a type; a name; a
  // date; a key. Each is taken up again at the end.
  auto id = std::string(32, '1');
  auto x
    = cbor("d90100 88 d82550" + id
           + "c249010000000000000000 d84e44 01000000"
             "d81b82 636d7974 00 d827 643a6b6579"
             "c0 74 323032362d31312d32325430353a30313a35305a"
             "a1 646b657931 01 89"
             "d825d81900 c2d81901 d84ed81902 d81b82d8190300 d827d81904 d81904"
             "c0d81905 d81905 a1d8190602");
  REQUIRE(x);
  auto first = x->items();
  auto again = first[7].items();
  REQUIRE(again.size() == 9);
  CHECK(again[0] == first[0]);
  CHECK(again[1] == first[1]);
  CHECK(again[2] == first[2]);
  CHECK(again[3] == first[3]);
  CHECK(again[4] == kw("key"));
  CHECK(again[5] == ":key");
  CHECK(again[6] == first[5]);
  CHECK(again[7] == "2026-11-22T05:01:50Z");
  CHECK(again[8] == value::map({{"key1", 2}}));
}

TEST_CASE("cbor gives no number to strings in chunks and short ones") {
  CHECK(cbor("d90100 84 7f63616161ff 626262 63636363 d81900").value()
        == vec({"aaa", "bb", "ccc", "ccc"}));
}

TEST_CASE("cbor shares what references stand for") {
  std::string text(1000, 'x');
  auto x = cbor("d90100 84 7903e8" + to_hex(as_bytes(text))
                + "d81900 d827d81900 d827d81900")
             .value();
  auto items = x.items();
  CHECK(items[0].as_string().data() == items[1].as_string().data());
  CHECK(items[2].as_string().data() == items[3].as_string().data());
  CHECK(items[2] == value::symbol(text));
}

TEST_CASE("cbor refuses references that lead nowhere") {
  for (auto hex :
       {"d81900",                          // no namespace
        "82 d90100 63616161 d81900",       // behind it
        "d90100 d81900",                   // nothing yet
        "d90100 82 63616161 d81901",       // not yet
        "d90100 82 626161 d81900",         // too short for a number
        "d90100 82 63616161 d90100d81900", // of the outer one
        "d90100 82 63616161 d81920",       // negative
        "d90100 82 63616161 d8196130",     // text
        "d90100 82 63616161 d8191bffffffffffffffff", "d90100 82 63616161 d819",
        "d90100 82 63616161 d825d81900", // text as UUID
        "d90100 82 43616161 d827d81900", // bytes as keyword
        "d90100 82 43616161 c0d81900",   // bytes as date
        "d90100"})
    check_corrupt(cbor(hex));
}

TEST_CASE("cbor bounds what references stand for") {
  // 16 KiB of text, and 1000 references to it.
  auto text = std::string(16384, 'x');
  auto hex = "d90100 9903e9 794000" + to_hex(as_bytes(text));
  for (int i = 0; i < 1000; ++i)
    hex += "d81900";
  limits lim;
  CHECK(cbor(hex, lim));
  lim.max_value_size = 16384 * 1000;
  CHECK(cbor(hex, lim));
  --lim.max_value_size;
  auto res = cbor(hex, lim);
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::limit_exceeded);
}

TEST_CASE("cbor is safe from a million nested namespaces and metadata") {
  for (auto unit : {"d90100", "d81b8271636c6f6a7572652f776974682d6d65746182a0",
                    "d81b8271636c6f6a7572652f776974682d6d65746182", "d81e"}) {
    std::string hex;
    for (int i = 0; i < 1'000'000; ++i)
      hex += unit;
    auto res = named("cbor").decode(unhex(hex), limits{});
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::limit_exceeded);
  }
}

TEST_CASE("cbor resolves what any sequence of strings refers to") {
  CHECK(rc::check("random strings", [](const std::vector<uint16_t>& numbers) {
    std::vector<value> xs;
    for (auto n : numbers) {
      auto str = std::string(n % 9, 'x') + std::to_string(n % 512);
      xs.push_back(n % 3 == 0   ? value{str}
                   : n % 3 == 1 ? kw(str)
                                : value{to_bytes(str)});
    }
    auto x = named("cbor").decode(referring_writer{xs}.out, limits{});
    RC_ASSERT(x.has_value());
    RC_ASSERT((*x == value::vector(xs)));
  }));
}

TEST_CASE("cbor numbers strings right past 65536 of them") {
  std::vector<value> xs;
  for (int i = 0; i < 70'000; ++i)
    xs.emplace_back(std::to_string(100 + i));
  for (auto i : {0, 23, 24, 255, 256, 899, 900, 65'535, 65'536, 69'999})
    xs.push_back(xs[static_cast<size_t>(i)]);
  auto in = referring_writer{xs}.out;
  auto x = named("cbor").decode(in, limits{});
  REQUIRE(x);
  CHECK((*x == vec(xs)));
}

// -- what follows the value ---------------------------------------------------

TEST_CASE("cbor skips the index behind a value") {
  CHECK(cbor("80" + frame(1)).value() == vec({}));
  CHECK(cbor("820102" + frame(3)).value() == vec({1, 2}));
  CHECK(cbor("8301182a03" + frame(5, "8710d84e40d84e4040410040")).value()
        == vec({1, 42, 3}));
  CHECK(cbor("80" + frame(1, "8610d84f480000000000000000d84e44010000004040"))
          .has_value());
}

TEST_CASE("cbor refuses anything else behind a value") {
  auto good = "80" + frame(1);
  for (size_t n = 4; n < good.size(); n += 2)
    check_corrupt(cbor(good.substr(0, n)));
  check_corrupt(cbor(good + "00"));
  check_corrupt(cbor("80" + frame(0)));
  check_corrupt(cbor("80" + frame(2)));
  check_corrupt(cbor("8080"));
  check_corrupt(cbor("80" + frame(1) + frame(1 + good.size() / 2)));
  for (auto head : {"8510d84e40d84e4040", "8810d84e40d84e40404100404040",
                    "8610d84e4400000000d84e404040", "8610d84e4100d84e40404100",
                    "86f6d84e40d84e40404100", "8610d84d40d84e40404100",
                    "8610d84e40d84e40406100", "861040d84e40404100"})
    check_corrupt(cbor("80" + frame(1, head)));
  // The frame alone is a value like others.
  CHECK(cbor(frame(0))->tag() == "boring/index");
}

TEST_CASE("cbor takes no index whose bytes were flipped into another form") {
  auto in = unhex("80" + frame(1));
  for (size_t i = 1; i < in.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      INFO("bit " << bit << " of byte " << i);
      auto damaged = in;
      damaged[i] ^= std::byte{1} << bit;
      auto x = named("cbor").decode(damaged, limits{});
      // Bits of the content change nothing that is read.
      if (x)
        CHECK(*x == vec({}));
      else
        CHECK(x.error() == errc::corruption);
    }
}

// -- objects and tags ---------------------------------------------------------

TEST_CASE("cbor drops metadata and the order of sorted collections") {
  auto with_metadata = "d81b8271636c6f6a7572652f776974682d6d657461";
  auto sorted_map = "d81b8272636c6f6a7572652f736f727465642d6d6170";
  auto sorted_set = "d81b8272636c6f6a7572652f736f727465642d736574";
  auto is = [](const std::string& hex, const value& x) {
    CHECK(cbor(hex).value() == x);
  };
  is(with_metadata + std::string{"82a1d827653a6c696e65058101"}, vec({1}));
  is(with_metadata + std::string{"82a083010203"}, vec({1, 2, 3}));
  is(with_metadata + std::string{"9fa080ff"}, vec({}));
  is(sorted_map + std::string{"a202010102"}, value::map({{1, 2}, {2, 1}}));
  is(sorted_set + std::string{"820201"}, value::set({1, 2}));
  check_corrupt(cbor(with_metadata + std::string{"820000"}));
  check_corrupt(cbor(with_metadata + std::string{"81a0"}));
  check_corrupt(cbor(with_metadata + std::string{"a0"}));
  check_corrupt(cbor(sorted_map + std::string{"80"}));
  check_corrupt(cbor(sorted_map + std::string{"a201010102"}));
  check_corrupt(cbor(sorted_set + std::string{"a0"}));
}

TEST_CASE("cbor keeps records and tags without a kind, and gives them back") {
  std::vector<std::pair<std::string, value>> table = {
    {"d81b82686d792f506f696e74a1d827623a7801",
     value::tagged("my/Point", value::map({{kw("x"), 1}}))},
    {"d81b826d636c6f6a7572652f71756575658101",
     value::tagged("clojure/queue", vec({1}))},
    {"d81e820103", value::tagged("cbor/30", vec({1, 3}))},
    {"d82063613a62", value::tagged("cbor/32", "a:b")},
    {"d823622e2a", value::tagged("cbor/35", ".*")},
    {"d84e4401000000", value::tagged("cbor/78", unhex("01000000"))},
    {"d903ec6a323032362d31312d3232", value::tagged("cbor/1004", "2026-11-22")},
  };
  for (auto& [hex, x] : table) {
    CHECK(cbor(hex).value() == x);
    CHECK(encoded(x) == hex);
  }
  check_corrupt(cbor("d81fa0"));   // 31
  check_corrupt(cbor("d9ffff00")); // 65535
}

TEST_CASE("cbor keeps elements with tags that mean something to konserve") {
  for (auto tag : {"clojure/with-meta", "clojure/sorted-map", "cbor/30",
                   "clojure/sorted-set", "cbor/0", "cbor/258", "cbor/030",
                   "cbor/", "cbor/x", "cbor/99999999999999999999", "cbor/-30"})
    for (auto& content : {value{}, value{"x"}, vec({value::map(), 1})}) {
      auto x = value::tagged(tag, content);
      CHECK(cbor(encoded(x)).value() == x);
    }
}

TEST_CASE("cbor drops what dates have beyond milliseconds, as konserve does") {
  auto ms = [](std::string_view str) {
    bytes in{std::byte{0xC0}, std::byte{0x78},
             static_cast<std::byte>(str.size())};
    append(in, as_bytes(str));
    return named("cbor").decode(in, limits{});
  };
  auto when = value::instant(1'795'323'710'539);
  CHECK(ms("2026-11-22T05:01:50.539Z") == when);
  CHECK(ms("2026-11-22T05:01:50.539000Z") == when);
  CHECK(ms("2026-11-22T05:01:50.5394Z") == when);
  CHECK(ms("2026-11-22T05:01:50.539999999Z") == when);
  CHECK(ms("2026-11-22T06:01:50.539999+01:00") == when);
  CHECK(ms("1969-12-31T23:59:59.9999Z") == value::instant(-1));
  for (auto str : {"2026-11-22T05:01:50.Z", "2026-11-22T05:01:50.5391",
                   "2026-11-22T05:01:50.53x91Z", "2026-11-22", ".1234567Z", ""})
    check_corrupt(ms(str));
}

// -- clj-cbor -----------------------------------------------------------------

TEST_CASE("clj-cbor reads seconds since 1970 to the next millisecond") {
  auto ms = [](std::string_view hex) {
    auto x = clj_cbor(hex);
    REQUIRE(x);
    return x->as_instant();
  };
  CHECK(ms("c11a6553f100") == 1'700'000'000'000);
  CHECK(ms("c100") == 0);
  CHECK(ms("c120") == -1000);
  CHECK(ms("c1fb41dac09dceb4fdf4") == 1'795'323'706'828);
  CHECK(ms("c1f93e00") == 1500);
  CHECK(ms("c1fabfc00000") == -1500);
  for (auto hex :
       {"c1f97e00", "c1f97c00", "c1fb7fefffffffffffff", "c1f6", "c16130",
        "c11b7fffffffffffffff", "c180", "c1c249010000000000000000", "c1"})
    check_corrupt(clj_cbor(hex));
}

TEST_CASE("clj-cbor reads every millisecond that Clojure divides by 1000") {
  CHECK(rc::check("random instants", [](int64_t x) {
    // Dividing and multiplying is exact up to the year 37647.
    auto ms = x % (int64_t{1} << 50);
    auto bits = std::bit_cast<uint64_t>(static_cast<double>(ms) / 1000.0);
    bytes in = to_bytes("\xC1\xFB");
    append_big_endian(in, bits);
    auto y = named("clj-cbor").decode(in, limits{});
    RC_ASSERT((y && *y == value::instant(ms)));
  }));
}

TEST_CASE("clj-cbor has no references, index or types of objects") {
  check_corrupt(clj_cbor("d90100 80"));
  check_corrupt(clj_cbor("d81900"));
  check_corrupt(clj_cbor("80" + frame(1)));
  CHECK(clj_cbor("d81b826c636c6f6a7572652f636861726178").value()
        == value::tagged("clojure/char", "x"));
  CHECK(clj_cbor("d81b8271636c6f6a7572652f776974682d6d65746182a001").value()
        == value::tagged("clojure/with-meta", vec({value::map(), 1})));
  CHECK(clj_cbor("d81e820103").value()
        == value::tagged("cbor/30", vec({1, 3})));
}

TEST_CASE("clj-cbor refuses to write and says what does") {
  bytes out;
  auto res = named("clj-cbor").encode(1, out, limits{});
  REQUIRE_FALSE(res);
  CHECK(res.error() == errc::unsupported);
  CHECK_THAT(res.error().message(), Catch::Contains("cbor"));
  CHECK(out.empty());
}

TEST_CASE("clj-cbor and cbor agree on what both know") {
  CHECK(rc::check("random values without instants", [](const value& x) {
    bytes in;
    RC_ASSERT(named("cbor").encode(x, in, limits{}).has_value());
    auto y = named("clj-cbor").decode(in, limits{});
    auto text = as_chars(in);
    if (text.find("larder/") == text.npos && text.find("clojure/") == text.npos)
      RC_ASSERT((y && *y == x));
    else if (!y)
      RC_ASSERT(y.error() == errc::corruption);
  }));
}
