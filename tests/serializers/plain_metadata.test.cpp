// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// The quick way to decode metadata, beside the general one.

#include "serializers/arbitrary_value.hpp"

#include "larder/detail/cbor.hpp"
#include "larder/detail/instant.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

using namespace larder;
using namespace larder::detail;

namespace {

bytes stored(const metadata& x) {
  bytes result;
  REQUIRE(cbor::encode(x.stored_form(), result));
  return result;
}

expected<metadata> general(bytes_view in) {
  auto x = cbor::decode(in, cbor::boring_dialect, limits{});
  return x ? metadata::from_stored_form(*x) : fail(x.error());
}

bool same(const metadata& x, const metadata& y) {
  return x.key == y.key && x.type == y.type && x.last_write == y.last_write
         && x.extras == y.extras && x.rev == y.rev && x.expiry == y.expiry;
}

/// Whether the quick way leaves `in` to the general one or agrees with it.
bool agrees(bytes_view in) {
  auto quick = cbor::decode_plain_metadata(in);
  if (!quick)
    return true;
  auto wanted = general(in);
  return wanted && same(*quick, *wanted);
}

metadata of(value key, content_type type = content_type::edn) {
  metadata result;
  result.key = std::move(key);
  result.type = type;
  result.last_write = 1'763'787'710'539;
  return result;
}

std::vector<metadata> plain_examples() {
  return {of("k"),
          of(""),
          of("é\U0001F600"),
          of(std::string(23, 'x')),
          of(std::string(24, 'x'), content_type::binary),
          of(std::string(255, 'x')),
          of(std::string(256, 'x'), content_type::append_log),
          of(std::string(65'535, 'x')),
          of(value::keyword("users/ada")),
          of(value::keyword("")),
          of(value::symbol("+"))};
}

} // namespace

TEST_CASE("usual metadata is decoded the quick way") {
  for (auto& x : plain_examples()) {
    auto quick = cbor::decode_plain_metadata(stored(x));
    REQUIRE(quick);
    CHECK(same(*quick, x));
    CHECK(same(*quick, *general(stored(x))));
  }
}

TEST_CASE("unusual metadata is left to the general way") {
  auto with_extras = of("k");
  with_extras.extras = value::map({{value::keyword("a"), 1}});
  auto late = of("k");
  late.last_write = std::numeric_limits<int64_t>::max();
  for (auto& x : {with_extras, late, of(1), of(value::vector({"k"})),
                  of(std::string(65'536, 'x')), of(value::symbol(":odd"))})
    CHECK_FALSE(cbor::decode_plain_metadata(stored(x)));
}

TEST_CASE("both ways to decode metadata agree on damaged ones") {
  for (auto& x : plain_examples()) {
    auto good = stored(x);
    if (good.size() > 1000)
      continue;
    for (size_t i = 0; i < good.size(); ++i) {
      for (unsigned flipped = 1; flipped < 256; ++flipped) {
        auto bad = good;
        bad[i] ^= static_cast<std::byte>(flipped);
        if (!agrees(bad))
          FAIL("byte " << i << " flipped by " << flipped);
      }
      CHECK_FALSE(cbor::decode_plain_metadata(bytes_view{good}.first(i)));
    }
    good.push_back(std::byte{0});
    CHECK_FALSE(cbor::decode_plain_metadata(good));
  }
}

TEST_CASE("both ways to decode metadata agree on random ones") {
  rc::prop("with a key and extras of all kinds",
           [](const value& key, bool has_extras, const value& extra,
              int64_t last_write) {
             auto x = of(key);
             x.last_write = last_write;
             if (has_extras)
               x.extras = value::map({{extra, key}});
             RC_ASSERT(agrees(stored(x)));
           });
  rc::prop("with bytes changed in two places", [](const value& any) {
    auto in = stored(of(to_edn(any)));
    for (auto i = 0; i < 2; ++i)
      in[*rc::gen::inRange<size_t>(0, in.size())]
        = static_cast<std::byte>(*rc::gen::inRange(0, 256));
    RC_ASSERT(agrees(in));
  });
}

TEST_CASE("a key that is not UTF-8 is not decoded the quick way") {
  auto in = stored(of("kay"));
  auto text = std::find(in.begin(), in.end(), std::byte{'a'});
  REQUIRE(text != in.end());
  *text = std::byte{0xFF};
  CHECK_FALSE(cbor::decode_plain_metadata(in));
  CHECK_FALSE(general(in));
}

// -- instants -----------------------------------------------------------------

namespace {

/// Reads an instant in UTC in a form that has no way of its own.
std::optional<int64_t> parse_with_offset(std::string str) {
  str.back() = '+';
  return parse_instant(str + "00:00");
}

std::string printed(int64_t ms) {
  auto str = format_instant(ms);
  return {str.begin(), str.end()};
}

} // namespace

TEST_CASE("instants as they are printed are read like all others") {
  rc::prop("whatever the time", [] {
    auto ms
      = *rc::gen::inRange<int64_t>(-62'167'219'200'000, 253'402'300'800'000);
    RC_ASSERT(parse_instant(printed(ms)) == ms);
    RC_ASSERT(parse_with_offset(printed(ms)) == ms);
  });
  auto good = printed(1'709'164'799'999); // the end of a 28th of February
  for (size_t i = 0; i + 1 < good.size(); ++i)
    for (auto c : {'0', '1', '2', '3', '5', '6', '9', '/', ':', '-', ' ', '\0',
                   '\xB0', 'T', 't', '.'}) {
      auto changed = good;
      changed[i] = c;
      INFO(changed);
      CHECK(parse_instant(changed) == parse_with_offset(changed));
    }
}
