// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/uri.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck.h>

using namespace larder;

namespace {

uri parsed(std::string_view str) {
  auto result = uri::parse(str);
  REQUIRE(result);
  return *result;
}

std::string parse_failure(std::string_view str) {
  auto result = uri::parse(str);
  if (result)
    return "";
  CHECK(result.error() == errc::invalid_argument);
  return result.error().message();
}

bool contains(const std::string& str, std::string_view part) {
  return str.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a URI is split into scheme, authority, path and options") {
  CHECK(parsed("file:larder-data") == uri{"file", "", "larder-data", {}});
  CHECK(parsed("file:/var/lib/x") == uri{"file", "", "/var/lib/x", {}});
  CHECK(parsed("file:///var/lib/x") == uri{"file", "", "/var/lib/x", {}});
  CHECK(parsed("memory:") == uri{"memory", "", "", {}});
  CHECK(parsed("memory:a?max-bytes=7")
        == uri{"memory", "", "a", {{"max-bytes", "7"}}});
  CHECK(parsed("caf://host:4242?key=k.pem&ca=ca.pem")
        == uri{"caf", "host:4242", "", {{"key", "k.pem"}, {"ca", "ca.pem"}}});
  CHECK(parsed("caf://[::1]:4242/x/y") == uri{"caf", "[::1]:4242", "/x/y", {}});
}

TEST_CASE("the scheme of a URI is in lower case whatever was written") {
  CHECK(parsed("FILE:X") == uri{"file", "", "X", {}});
}

TEST_CASE("percent escapes of a URI are decoded in all parts") {
  CHECK(parsed("s://h%41/p%3fq?n%3D=v%26%2b")
        == uri{"s", "hA", "/p?q", {{"n=", "v&+"}}});
}

TEST_CASE("spaces, plus signs and UTF-8 in a URI need no escape") {
  CHECK(parsed("file:my data/ü?a=1+1 b")
        == uri{"file", "", "my data/ü", {{"a", "1+1 b"}}});
}

TEST_CASE("only the first equals sign of an option separates") {
  CHECK(parsed("s:?a=b=c").options.at("a") == "b=c");
}

TEST_CASE("the message for a bad URI says what is wrong") {
  CHECK(contains(parse_failure("larder-data"), "no scheme"));
  CHECK(contains(parse_failure(""), "no scheme"));
  CHECK(contains(parse_failure(":x"), "\"\" is not a scheme"));
  CHECK(contains(parse_failure("1a:x"), "\"1a\" is not a scheme"));
  CHECK(contains(parse_failure("a_b:x"), "\"a_b\" is not a scheme"));
  CHECK(contains(parse_failure("/a/b:c"), "\"/a/b\" is not a scheme"));
  CHECK(contains(parse_failure("s:100%"), "two hexadecimal digits"));
  CHECK(contains(parse_failure("s:%4"), "two hexadecimal digits"));
  CHECK(contains(parse_failure("s:%4g"), "two hexadecimal digits"));
  CHECK(contains(parse_failure("s:%00"), "%00"));
  CHECK(contains(parse_failure("s:a#b"), "%23"));
  CHECK(contains(parse_failure("s:a\nb"), "control characters"));
  CHECK(contains(parse_failure("s:?a"), "\"a\" has no value"));
  CHECK(contains(parse_failure("s:?a="), "\"a\" has no value"));
  CHECK(contains(parse_failure("s:?=1"), "no name"));
  CHECK(contains(parse_failure("s:?"), "no name"));
  CHECK(contains(parse_failure("s:?a=1&"), "no name"));
  CHECK(contains(parse_failure("s:?a=1&a=2"), "\"a\" is given twice"));
  CHECK(contains(parse_failure("s:?a=1&%61=2"), "\"a\" is given twice"));
}

TEST_CASE("the message for a bad URI does not quote a password") {
  CHECK(!contains(parse_failure("s:?password=hunter2%"), "hunter2"));
  CHECK(!contains(parse_failure("s:?password=hunter2&password=hunter2"),
                  "hunter2"));
}

TEST_CASE("what a URI prints parses to the same URI") {
  for (auto str : {"file:larder-data", "file:/a/b",
                   "memory:", "caf://host:1?a=b", "s:////a", "s://h//a"}) {
    CAPTURE(str);
    CHECK(to_string(parsed(str)) == str);
  }
  rc::check([](const std::string& path, bool absolute,
               const std::map<std::string, std::string>& options) {
    auto clean = [](std::string str) {
      std::erase(str, '\0');
      return "x" + str;
    };
    uri x{"s", absolute ? clean(path) : "", absolute ? "/" + path : path, {}};
    std::erase(x.path, '\0');
    for (auto& [name, value] : options)
      x.options.emplace(clean(name), clean(value));
    auto copy = uri::parse(to_string(x));
    RC_ASSERT(copy.has_value());
    RC_ASSERT(*copy == x);
  });
}

TEST_CASE("a URI behind a scheme is read with its options") {
  CHECK(parsed("readonly:file:my%20dir?sync=off").inner()
        == uri{"file", "", "my dir", {{"sync", "off"}}});
  CHECK(parsed("a:b:c:?d=e").inner()->inner()
        == uri{"c", "", "", {{"d", "e"}}});
  CHECK(parsed("a:pg://me:pw@host:1/db").inner()
        == uri{"pg", "me:pw@host:1", "/db", {}});
  CHECK(parsed("a:file:100%25%3F").inner() == uri{"file", "", "100%?", {}});
  for (auto str : {"a:", "a:dir", "a:/dir", "a://host/b:c", "a:?b=c:"}) {
    CAPTURE(str);
    CHECK(parsed(str).inner().error() == errc::invalid_argument);
  }
}

TEST_CASE("secrets of URIs inside of URIs are redacted") {
  CHECK(redacted(parsed("a:pg://me:pw@host/db?x=y&token=t"))
        == "a:pg://me:REDACTED@host/db?token=REDACTED&x=y");
  CHECK(redacted(parsed("a:b:pg://me:pw@host")) == "a:b:pg://me:REDACTED@host");
  CHECK(redacted(parsed("a:x?front=pg://me:pw@host?token=t%26y=z"))
        == "a:x?front=pg://me:REDACTED@host?token%3dREDACTED%26y%3dz");
  CHECK(!contains(redacted(parsed("a:x?front=pg://me:pw@host?%2523")), "pw"));
  CHECK(!contains(redacted(parsed("a:x?front=pg:?pass=pw%23")), "pw"));
  for (auto str :
       {"a:file:dir/x?front=memory:&n=127.0.0.1:80", "a:b?file=/x:y%25"}) {
    CAPTURE(str);
    CHECK(redacted(parsed(str)) == str);
  }
}

TEST_CASE("options can be taken once") {
  auto x = parsed("s:?a=1");
  CHECK(x.take("a", "2") == "1");
  CHECK(x.take("a", "2") == "2");
  CHECK(x.take("b").empty());
}

TEST_CASE("a flag is one of four pairs of words") {
  for (auto str : {"yes", "on", "true", "1"})
    CHECK(parsed("s:?a=" + std::string{str}).take_flag("a", false) == true);
  for (auto str : {"no", "off", "false", "0"})
    CHECK(parsed("s:?a=" + std::string{str}).take_flag("a", true) == false);
  CHECK(parsed("s:").take_flag("a", true) == true);
  for (auto str : {"YES", "2", "maybe"}) {
    auto result = parsed("s:?a=" + std::string{str}).take_flag("a", false);
    REQUIRE(!result);
    CHECK(result.error() == errc::invalid_argument);
    CHECK(contains(result.error().message(), "\"a\""));
  }
}

TEST_CASE("a number is decimal digits of at most 64 bits") {
  CHECK(parsed("s:?a=0").take_number("a", 1) == 0u);
  CHECK(parsed("s:?a=18446744073709551615").take_number("a", 1)
        == std::numeric_limits<uint64_t>::max());
  CHECK(parsed("s:").take_number("a", 1) == 1u);
  for (auto str : {"-1", "+1", "1k", "0x1", "18446744073709551616", " 1"}) {
    auto result = parsed("s:?a=" + std::string{str}).take_number("a", 1);
    REQUIRE(!result);
    CHECK(result.error() == errc::invalid_argument);
  }
}

TEST_CASE("an option that nobody took is named") {
  auto x = parsed("file:d?sync=off&sycn=off");
  CHECK(x.take("sync") == "off");
  auto result = x.check_all_taken();
  REQUIRE(!result);
  CHECK(result.error() == errc::invalid_argument);
  CHECK(result.error().message() == "unknown option \"sycn\" for file:");
  x.take("sycn");
  CHECK(x.check_all_taken());
}

TEST_CASE("secrets in a URI are redacted, the rest is not") {
  auto x = parsed("pg://me:pw@host/db?password=a&api-key=b&keyring=c&KEY=d"
                  "&passphrase=e&monkey=f&token=g");
  CHECK(redacted(x)
        == "pg://me:REDACTED@host/db?KEY=REDACTED&api-key=REDACTED&keyring=c"
           "&monkey=f&passphrase=REDACTED&password=REDACTED&token=REDACTED");
  CHECK(redacted(parsed("pg://me@host:1/db")) == "pg://me@host:1/db");
  CHECK(contains(to_string(x), "me:pw@host"));
}
