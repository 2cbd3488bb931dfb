// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"
#include "larder/number.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

using namespace larder;

namespace {

const serializer& binary() {
  static codec_registry registry;
  return *registry.find_serializer("boost-binary").value();
}

bytes encoded(const value& x) {
  bytes out;
  REQUIRE(binary().encode(x, out, limits{}));
  return out;
}

/// Decodes the mark and the bytes that `hex` spells, in little endian.
expected<value> decoded(std::string hex, const limits& lim = {}) {
  bytes in;
  REQUIRE(from_hex("0142" + hex, in));
  return binary().decode(in, lim);
}

template <class T>
void check_failure(errc code, const expected<T>& x) {
  REQUIRE_FALSE(x);
  INFO(x.error().message());
  CHECK(to_string(x.error().code()) == to_string(code));
}

value big(const char* digits) {
  return big_integer{boost::multiprecision::cpp_int{digits}};
}

/// One or more values of each kind.
std::vector<value> samples() {
  using bounds = std::numeric_limits<int64_t>;
  return {
    value{},
    true,
    false,
    0,
    bounds::min(),
    bounds::max(),
    std::numeric_limits<uint64_t>::max(),
    big("-123456789012345678901234567890"),
    0.0,
    -0.0,
    1.5,
    std::nan(""),
    std::numeric_limits<double>::infinity(),
    decimal{0, 0},
    decimal{-150, 2},
    decimal{boost::multiprecision::cpp_int{"99999999999999999999999"}, -7},
    U'a',
    U'\U0010FFFF',
    "",
    "text \xC3\xBC",
    value::keyword("a/b"),
    value::symbol("s"),
    bytes{},
    bytes{std::byte{0}, std::byte{255}},
    uuid::random(),
    value::instant(-1),
    value::vector(),
    value::vector({1, "two", value{}}),
    value::list({value::list()}),
    value::set({1, 2.0, "3"}),
    value::map({{"a", 1}, {value::vector({1}), value::map()}}),
    value::tagged("my/point", value::vector({1, 2})),
  };
}

bool is_little_endian() {
  return encoded(value{})[0] == std::byte{0x01};
}

/// Values of all scalar kinds and of collections, nested three deep at most.
rc::Gen<value> any_value(int depth) {
  using namespace rc;
  auto text = gen::container<std::string>(gen::inRange(' ', '~'));
  auto scalar = gen::oneOf(
    gen::just(value{}), gen::map<bool>([](bool x) { return value{x}; }),
    gen::map<int64_t>([](int64_t x) { return value{x}; }),
    gen::map<uint64_t>([](uint64_t x) { return value{x}; }),
    gen::map<double>([](double x) { return value{x}; }),
    gen::map(text, [](std::string x) { return value{std::move(x)}; }),
    gen::map(text, [](const std::string& x) { return value::keyword(x); }),
    gen::map<int64_t>([](int64_t x) { return value::instant(x); }));
  if (depth == 0)
    return scalar;
  auto items = gen::container<std::vector<value>>(any_value(depth - 1));
  auto entries = gen::container<std::vector<value::entry>>(
    gen::pair(any_value(depth - 1), any_value(depth - 1)));
  using list = std::vector<value>;
  using pairs = std::vector<value::entry>;
  return gen::oneOf(
    scalar, gen::map(items, [](list x) { return value::vector(std::move(x)); }),
    gen::map(items, [](list x) { return value::list(std::move(x)); }),
    gen::map(items, [](list x) { return value::set(std::move(x)); }),
    gen::map(entries, [](pairs x) { return value::map(std::move(x)); }));
}

} // namespace

TEST_CASE("boost-binary has its id for ever and is not for untrusted input") {
  CHECK(binary().id() == 65);
  CHECK(binary().name() == "boost-binary");
  CHECK_FALSE(binary().safe_on_untrusted_input());
  codec_registry registry;
  CHECK(registry.find_serializer("cbor").value()->safe_on_untrusted_input());
}

TEST_CASE("boost-binary keeps values of all kinds, alone and nested") {
  std::vector<value::entry> entries;
  for (auto& x : samples()) {
    entries.emplace_back(x, x);
    auto y = binary().decode(encoded(x), limits{});
    REQUIRE(y);
    CHECK(*y == x);
  }
  auto all = value::map(entries);
  CHECK(binary().decode(encoded(all), limits{}).value() == all);
}

TEST_CASE("boost-binary keeps any value") {
  CHECK(rc::check([] {
    auto x = *rc::gen::resize(20, any_value(2));
    bytes out;
    RC_ASSERT(binary().encode(x, out, limits{}).has_value());
    auto y = binary().decode(out, limits{});
    RC_ASSERT(y.has_value());
    RC_ASSERT(*y == x);
  }));
}

TEST_CASE("boost-binary gives the bytes that its format says") {
  if (!is_little_endian())
    return;
  auto x = value::map({{"a", value::vector({1, true})}});
  CHECK(to_hex(encoded(x))
        == "0142"
           "10"
           "01000000"
           "07"
           "01000000"
           "61"
           "0d"
           "02000000"
           "02"
           "0100000000000000"
           "01"
           "01");
}

TEST_CASE("boost-binary gives equal bytes for equal values") {
  CHECK(encoded(value::map({{1, 2}, {3, 4}}))
        == encoded(value::map({{3, 4}, {1, 2}})));
  CHECK(encoded(value::set({1, 2, 3})) == encoded(value::set({3, 2, 1})));
  CHECK(encoded(std::nan("1")) == encoded(-std::nan("2")));
}

TEST_CASE("boost-binary encodes all instants in equal size") {
  auto size = encoded(value::instant(0)).size();
  for (auto ms : {int64_t{-1}, int64_t{1795323710539},
                  std::numeric_limits<int64_t>::max()})
    CHECK(encoded(value::instant(ms)).size() == size);
}

TEST_CASE("boost-binary appends and leaves no trace of a failure") {
  bytes out{std::byte{0xBE}};
  REQUIRE(binary().encode(1, out, limits{}));
  auto before = out;
  CHECK(out.front() == std::byte{0xBE});
  for (auto& bad :
       {value{"\xFF"}, value::keyword("\xFF"), value{char32_t{0xD800}},
        value::tagged("inst", 1), value::tagged("\xFF", 1)}) {
    check_failure(errc::invalid_argument,
                  binary().encode(value::vector({1, bad}), out, limits{}));
    CHECK(out == before);
  }
}

TEST_CASE("boost-binary refuses every truncation and extension") {
  for (auto& x : samples()) {
    auto whole = encoded(x);
    for (size_t n = 0; n < whole.size(); ++n)
      check_failure(errc::corruption,
                    binary().decode(bytes_view{whole}.first(n), limits{}));
    whole.push_back(std::byte{0});
    check_failure(errc::corruption, binary().decode(whole, limits{}));
  }
}

TEST_CASE("boost-binary survives any changed byte") {
  auto whole = encoded(value::vector(samples()));
  for (size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = whole;
      flipped[i] ^= std::byte{1} << bit;
      auto res = binary().decode(flipped, limits{});
      if (!res && i >= 2)
        CHECK((res.error() == errc::corruption
               || res.error() == errc::limit_exceeded));
    }
}

TEST_CASE("boost-binary refuses what it never writes") {
  if (!is_little_endian())
    return;
  CHECK(decoded("020700000000000000").value() == value{7});
  for (auto hex : {
         "12",   // unknown kind
         "ff",   // unknown kind
         "0102", // boolean 2
         "06"
         "00d80000", // surrogate
         "06"
         "00001100", // past U+10FFFF
         "07"
         "01000000"
         "ff", // not UTF-8
         "03"
         "00"
         "01000000"
         "07", // big integer that is not big
         "03"
         "02"
         "01000000"
         "07", // sign 2
         "05"
         "00000000"
         "00"
         "02000000"
         "0007", // leading zero
         "05"
         "00000000"
         "01"
         "00000000", // negative zero
         "0f"
         "02000000"
         "0101"
         "0100", // set out of order
         "0f"
         "02000000"
         "0101"
         "0101", // equal items
         "10"
         "02000000"
         "0100"
         "00"
         "0100"
         "00", // equal keys
         "11"
         "04000000"
         "696e7374"
         "00", // reserved tag
       }) {
    INFO(hex);
    check_failure(errc::corruption, decoded(hex));
  }
  check_failure(errc::corruption, binary().decode(bytes(3), limits{}));
}

TEST_CASE("boost-binary refuses sizes that the input cannot have") {
  for (std::string kind :
       {"03"
        "00",
        "07", "08", "09", "0a", "0d", "0e", "0f", "10", "11"})
    for (auto size : {"ffffffff", "00000080", "02000000"}) {
      INFO(kind << size);
      check_failure(errc::corruption, decoded(kind + size + "00"));
    }
}

TEST_CASE("boost-binary refuses archives of the other byte order") {
  auto whole = encoded(5);
  std::swap(whole[0], whole[1]);
  check_failure(errc::unsupported, binary().decode(whole, limits{}));
}

TEST_CASE("boost-binary bounds nesting in both directions") {
  value x;
  for (int i = 0; i < 3; ++i)
    x = value::vector({x});
  limits lim;
  lim.max_depth = 3;
  bytes out;
  REQUIRE(binary().encode(x, out, lim));
  CHECK(binary().decode(out, lim).value() == x);
  lim.max_depth = 2;
  check_failure(errc::limit_exceeded, binary().encode(x, out, lim));
  check_failure(errc::limit_exceeded, binary().decode(out, lim));
}

TEST_CASE("boost-binary is safe from a million nested collections") {
  for (std::string unit : {"0d01000000",
                           "1001000000"
                           "00",
                           "110100000061"}) {
    std::string hex;
    for (int i = 0; i < 1'000'000; ++i)
      hex += unit;
    check_failure(errc::limit_exceeded, decoded(hex));
  }
}

TEST_CASE("boost-binary refuses input over the size limit") {
  auto whole = encoded(5);
  limits lim;
  lim.max_value_size = whole.size();
  CHECK(binary().decode(whole, lim));
  --lim.max_value_size;
  check_failure(errc::limit_exceeded, binary().decode(whole, lim));
}
