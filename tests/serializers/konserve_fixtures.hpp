// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Stores that konserve 0.9.375 has written, if they are at hand.

#pragma once

#include "larder/bytes.hpp"
#include "larder/text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace larder::test {

inline std::filesystem::path konserve_fixtures() {
  return std::filesystem::path{LARDER_SOURCE_DIR}
         / "../shared/fixtures/konserve";
}

/// Returns whether the fixtures are there, and says so if not.
inline bool have_konserve_fixtures() {
  auto found = std::filesystem::exists(konserve_fixtures() / "values.edn");
  if (!found)
    WARN("skipped: there is no " << konserve_fixtures());
  return found;
}

/// A blob of layout 1 with a header of 20 bytes, in its parts.
struct konserve_blob {
  std::string name; ///< of the file
  uint8_t serializer;
  uint8_t compressor;
  uint8_t encryptor;
  bytes meta;
  bytes content;
};

inline bytes read_all(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  REQUIRE(in);
  return to_bytes(std::string{std::istreambuf_iterator<char>{in}, {}});
}

/// Returns the blobs of a store by the names of their files.
inline std::vector<konserve_blob> konserve_blobs(std::string_view store) {
  constexpr size_t header_size = 20;
  std::vector<konserve_blob> result;
  for (auto& entry :
       std::filesystem::directory_iterator{konserve_fixtures() / store}) {
    auto all = read_all(entry.path());
    REQUIRE(all.size() >= header_size);
    auto at = [&](size_t i) { return std::to_integer<uint8_t>(all[i]); };
    auto rest = bytes_view{all}.subspan(header_size);
    auto meta_size = load_big_endian<uint32_t>(all.data() + 4);
    REQUIRE(meta_size <= rest.size());
    result.push_back({entry.path().filename(), at(1), at(2), at(3),
                      to_bytes(rest.first(meta_size)),
                      to_bytes(rest.subspan(meta_size))});
  }
  std::sort(result.begin(), result.end(),
            [](auto& x, auto& y) { return x.name < y.name; });
  return result;
}

/// Turns lists into vectors, at any depth: of most serializers of konserve they
/// come back so.
inline value without_lists(const value& x) {
  std::vector<value> items;
  switch (x.type()) {
    case value::kind::list:
    case value::kind::vector:
    case value::kind::set:
      for (auto& item : x.items())
        items.push_back(without_lists(item));
      return x.is(value::kind::set) ? value::set(std::move(items))
                                    : value::vector(std::move(items));
    case value::kind::map: {
      std::vector<value::entry> entries;
      for (auto& [key, val] : x.entries())
        entries.emplace_back(without_lists(key), without_lists(val));
      return value::map(std::move(entries));
    }
    default:
      return x;
  }
}

/// What was put into the stores: key and value by the name of the file. Lists
/// are given as vectors.
inline std::map<std::string, value::entry> konserve_values() {
  std::map<std::string, value::entry> result;
  std::ifstream in{konserve_fixtures() / "values.edn"};
  for (std::string name, line; in >> name && std::getline(in, line);) {
    // Clojure prints an array of bytes as no reader could read it.
    auto array = line.find("#object[");
    if (array != line.npos)
      line.replace(array, line.npos, R"(#larder/bytes "AAECAwQFBgcICQ==")");
    std::string_view rest = line;
    auto key = parse_edn_prefix(rest);
    REQUIRE(key);
    auto val = parse_edn_prefix(rest);
    REQUIRE(val);
    result.emplace(name,
                   value::entry{without_lists(*key), without_lists(*val)});
  }
  return result;
}

} // namespace larder::test
