// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What konserve 0.9.375 itself wrote, for tests that compare with it.

#pragma once

#include "larder/text.hpp"
#include "larder/value.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace larder::test {

/// Where the stores are, with one directory each.
inline std::filesystem::path konserve_samples() {
  return LARDER_SOURCE_DIR "/../shared/fixtures/konserve";
}

/// Tells, with a message if not, whether the stores are there.
inline bool have_konserve_samples() {
  auto found = std::filesystem::exists(konserve_samples());
  if (!found)
    WARN("skipped: there is no " << konserve_samples());
  return found;
}

/// A key and its value as Clojure printed them.
struct konserve_sample {
  std::string file_name;
  value key;
  value content;
};

/// Reads `values.edn`. The value that Clojure cannot print is given here.
inline std::vector<konserve_sample> read_konserve_samples() {
  std::vector<konserve_sample> result;
  std::ifstream in{konserve_samples() / "values.edn"};
  for (std::string name, line; in >> name && std::getline(in, line);) {
    INFO(line);
    std::string_view rest = line;
    auto key = parse_edn_prefix(rest);
    REQUIRE(key);
    if (*key == value::keyword("k/bytes-in-edn")) {
      bytes xs;
      REQUIRE(from_hex("00010203040506070809", xs));
      result.push_back({name, *key, xs});
      continue;
    }
    auto content = parse_edn_prefix(rest);
    REQUIRE(content);
    result.push_back({name, *key, *content});
  }
  return result;
}

/// Reads a whole file.
inline bytes read_sample(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  REQUIRE(in);
  std::string content{std::istreambuf_iterator<char>{in}, {}};
  return to_bytes(content);
}

} // namespace larder::test
