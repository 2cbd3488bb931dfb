// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/konserve/hasch.hpp"

#include "serializers/arbitrary_value.hpp"
#include "serializers/konserve_samples.hpp"

#include "larder/codec_compliance.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <thread>

using namespace larder;
using namespace larder::konserve;
using namespace larder::test;

using namespace std::string_literals;

using boost::multiprecision::cpp_int;

namespace {

std::string uuid_of(const value& x) {
  auto result = hasch_uuid(x);
  REQUIRE(result);
  return to_string(*result);
}

/// The hash of what the EDN text stands for.
std::string uuid_of_text(std::string_view edn) {
  auto x = parse_edn(edn);
  REQUIRE(x);
  return uuid_of(*x);
}

std::string digest_of(const value& x) {
  auto result = hasch(x);
  REQUIRE(result);
  return to_hex(*result);
}

void same(const value& x, const value& y) {
  CHECK(x != y);
  CHECK(digest_of(x) == digest_of(y));
}

void different(const value& x, const value& y) {
  CHECK(digest_of(x) != digest_of(y));
}

value nested(size_t depth) {
  value result;
  for (size_t i = 0; i < depth; ++i)
    result = value::vector({std::move(result)});
  return result;
}

} // namespace

TEST_CASE("hasch names keys as konserve does") {
  // What konserve 0.9.375 with hasch 0.3.96 answered.
  std::pair<std::string_view, std::string_view> vectors[] = {
    {":k/int", "0bc19106-de58-5607-95ad-0cf0cee62b55"},
    {":a", "21e84407-47ac-52c2-9567-b6118205c1b7"},
    {"42", "0fc20a9a-c153-592d-888a-707ff306fbb6"},
    {"1.5", "1ba1b963-f79d-5afe-9181-ce694aa3872d"},
    {"\"string-key\"", "3fcffadc-9b4f-5f32-a4c2-ebdf0beb3dc7"},
    {"nil", "38244d02-8981-5693-af7b-456af8efa4ca"},
    {"true", "1ddffc2c-6730-53c7-87b8-9cbbc98c2363"},
    {"sym-key", "2ce2144f-e8ad-5db2-80bb-48b8ba8308dc"},
    {"[:vector \"key\" 1]", "3e87783c-27a8-5447-9d72-e893106b80d2"},
    {"{:map \"key\" :n 2}", "28098a6e-2154-5a3a-8ac3-b7293718ae22"},
    {"#{:set :key}", "222cf3b5-e5f5-57e5-a6e5-69419e7cdd66"},
    {"(list key)", "16e67622-277e-5724-baf5-8403f70a57c5"},
    {"#inst \"1970-01-01\"", "126f319e-58ef-5ad9-9435-480b4e96cec7"},
    {"#uuid \"00000000-0000-0000-0000-000000000001\"",
     "253ca556-01fe-59ba-bf71-85d439056b17"},
    {"[]", "117935a6-8abd-57b5-974f-4eff93989ada"},
    {"[nil]", "117935a6-8abd-57b5-974f-4eff93989ada"},
    {"{}", "3e688838-ca86-56e5-8906-89bf2ab585ce"},
    {"#{}", "127cff2b-6fdf-5c0f-94fe-092b17d6d8c7"},
    {"()", "2faea777-203c-562f-a9e3-300ad1a36e87"},
    {"\"\"", "245bf581-7ddf-54aa-af7a-407071f0eedc"},
  };
  for (auto& [edn, expected] : vectors) {
    INFO(edn);
    CHECK(uuid_of_text(edn) == expected);
  }
}

TEST_CASE("hasch finds the files of konserve's stores") {
  if (!have_konserve_samples())
    return;
  auto samples = read_konserve_samples();
  CHECK(samples.size() == 45);
  for (auto& x : samples) {
    INFO(to_edn(x.key));
    CHECK(file_name(x.key) == x.file_name);
  }
}

TEST_CASE("hasch names the keys in the listings of konserve's stores") {
  if (!have_konserve_samples())
    return;
  size_t count = 0;
  for (auto store :
       {"FressianSerializer-none-none", "BoringSerializer-zstd-none",
        "FressianSerializer-none-aes"}) {
    std::ifstream in{konserve_samples() / (std::string{store} + ".keys.edn")};
    for (std::string name, line; in >> name && std::getline(in, line);) {
      auto metadata = parse_edn(line);
      REQUIRE(metadata);
      // Of an append log's elements this is the key of the log, and the name
      // that of its head.
      auto key = *metadata->find(value::keyword("key"));
      INFO(line);
      CHECK(file_name(key) == name);
      ++count;
    }
  }
  CHECK(count == 3 * 55);
}

TEST_CASE("hasch does not tell apart what it never did") {
  same(value::vector(), value::vector({value{}}));
  same(value::list(), value::list({value{}}));
  same(U'a', "a");
  same(value{1}, decimal{1, 0});
  same(1.0, decimal{10, 1});
  same(big_integer{cpp_int{"123456789012345678901234567890"}},
       decimal{cpp_int{"123456789012345678901234567890"}, 0});
  // Fewer than 32 bytes of each entry count, and those of equal ones vanish.
  same(value::vector({U'a', 1}), value::vector({"a", decimal{1, 0}}));
}

TEST_CASE("hasch tells apart what looks alike") {
  different(value::vector({1}), value::list({1}));
  different(value::vector(), value::list());
  different(value::set(), value::map());
  different(1, 1.0);
  different(decimal{10, 1}, decimal{100, 2});
  different(0.0, -0.0);
  different("1", 1);
  different("a", value::symbol("a"));
  different(":a", value::keyword("a"));
  different(value::symbol(":a"), value::keyword("a"));
  different("", bytes{});
  different(value::instant(5), 5);
  different(value::map({{1, 2}}), value::map({{2, 1}}));
  different(value::vector({"a", "b"}), value::vector({"ab"}));
  different(std::string(1, '\1'), std::string(2, '\1'));
}

TEST_CASE("hasch hashes numbers by what Java prints") {
  same(12.5, decimal{125, 1});
  same(9999999.0, decimal{99999990, 1});
  same(0.001, decimal{1, 3});
  // Java prints a decimal's exponent with a sign and a double's without.
  different(1e10, decimal{10, -9});
  same(1e-10, decimal{10, 11});
}

TEST_CASE("hasch hashes long text and bytes before it combines them") {
  // The mark that separates small from other bytes goes with up to 1023 bytes.
  // Computed with `hashlib` of Python from hasch's definition.
  auto digest = [](size_t size) {
    return digest_of(std::string(size, 'x')).substr(0, 16);
  };
  CHECK(digest(1023) == "71e46a1e99d4322b");
  CHECK(digest(1024) == "b6b110a8edde30e3");
  CHECK(digest(5000) == "ae04867151bfd20e");
  CHECK(digest_of("a\1b\x1D\x1E\0"s).substr(0, 16) == "0f6f07478fa3dba6");
  different(bytes(2000), std::string(2000, '\0'));
}

TEST_CASE("hasch hashes a tagged element as its tag and its content") {
  auto content = value::map({{value::keyword("a"), 1}});
  auto x = value::tagged("my.ns.Rec", content);
  different(x, value::tagged("my.ns.Other", content));
  different(x, value::tagged("my.ns.Rec", value::map()));
  different(x, value::vector({value::symbol("my.ns.Rec"), content}));
}

TEST_CASE("hasch refuses what Clojure cannot hold") {
  for (auto& x : {value{"\xFF"}, value::keyword("\xFF"), value::symbol("\xFF"),
                  value::tagged("\xFF", 1), value{char32_t{0xD800}},
                  value{char32_t{0x110000}}, value::set({"\xC0\xAF"}),
                  value::map({{"\xC0\xAF", 1}}), value::list({"\xC0\xAF"})}) {
    CHECK(hasch(x).error() == errc::invalid_argument);
    CHECK(hasch_uuid(x).error() == errc::invalid_argument);
    CHECK(file_name(x).error() == errc::invalid_argument);
  }
}

TEST_CASE("hasch limits what it takes quadratic time or stack for") {
  limits lim;
  CHECK(hasch(nested(lim.max_depth)));
  CHECK(hasch(nested(lim.max_depth + 1)).error() == errc::limit_exceeded);
  CHECK(hasch(nested(100'000)).error() == errc::limit_exceeded);
  lim.max_depth = 1;
  CHECK(hasch(nested(1), lim));
  CHECK(hasch(nested(2), lim).error() == errc::limit_exceeded);
  auto huge = cpp_int{1} << 400'000;
  CHECK(hasch(big_integer{huge}).error() == errc::limit_exceeded);
  CHECK(hasch(decimal{huge, 3}).error() == errc::limit_exceeded);
}

TEST_CASE("hasch makes UUIDs of version 5 with two bits cleared") {
  for (auto& x : sample_values()) {
    auto digest = hasch(x).value();
    auto id = hasch_uuid(x).value();
    CHECK((id.data[0] & std::byte{0xC0}) == std::byte{0});
    CHECK((id.data[6] & std::byte{0xF0}) == std::byte{0x50});
    CHECK((id.data[8] & std::byte{0xC0}) == std::byte{0x80});
    for (size_t i = 1; i < id.data.size(); ++i)
      if (i != 6 && i != 8)
        CHECK(id.data[i] == digest[i]);
  }
}

TEST_CASE("hasch is a function of the value, from any thread") {
  std::vector<hasch_digest> expected;
  for (auto& x : sample_values())
    if (!x.is(value::kind::uuid)) // one of them is random
      expected.push_back(hasch(x).value());
  std::vector<std::jthread> threads;
  std::atomic<size_t> differences = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      size_t pos = 0;
      for (auto& x : sample_values())
        if (!x.is(value::kind::uuid) && hasch(x) != expected[pos++])
          ++differences;
    });
  threads.clear();
  CHECK(differences == 0);
}

TEST_CASE("hasch depends on all of a value but not on its order") {
  rc::prop("equal values have equal hashes, changed ones others",
           [](const value& x) {
             auto digest = digest_of(x);
             RC_ASSERT(digest_of(*parse_edn(to_edn(x))) == digest);
             RC_ASSERT(digest_of(value::vector({x})) != digest);
             RC_ASSERT(digest_of(value::vector({x}))
                       != digest_of(value::vector({x, x})));
             RC_ASSERT(digest_of(value::tagged("t", x)) != digest);
             auto other = value::vector({x});
             auto one = value::map({{x, 1}, {other, 2}});
             auto two = value::map({{other, 2}, {x, 1}});
             RC_ASSERT(digest_of(one) == digest_of(two));
           });
}
