// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What konserve 0.9.375 itself wrote, for tests that compare with it.

#pragma once

#include "larder/bytes.hpp"
#include "larder/text.hpp"
#include "larder/value.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
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

/// The same by the names of their files.
inline std::map<std::string, konserve_sample> konserve_samples_by_name() {
  std::map<std::string, konserve_sample> result;
  for (auto& x : read_konserve_samples())
    result.emplace(x.file_name, x);
  return result;
}

/// Reads a whole file.
inline bytes read_sample(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  REQUIRE(in);
  std::string content{std::istreambuf_iterator<char>{in}, {}};
  return to_bytes(content);
}

/// A blob with a header of 20 bytes, in its parts.
struct konserve_blob {
  std::string name; ///< of the file
  uint8_t serializer;
  uint8_t compressor;
  uint8_t encryptor;
  bytes metadata;
  bytes content;
};

inline konserve_blob read_konserve_blob(const std::filesystem::path& path) {
  constexpr size_t header_size = 20;
  auto all = read_sample(path);
  REQUIRE(all.size() >= header_size);
  REQUIRE(all[0] == std::byte{1});
  auto id = [&](size_t i) { return std::to_integer<uint8_t>(all[i]); };
  auto rest = bytes_view{all}.subspan(header_size);
  auto size = load_big_endian<uint32_t>(all.data() + 4);
  REQUIRE(size <= rest.size());
  return {path.filename(),
          id(1),
          id(2),
          id(3),
          to_bytes(rest.first(size)),
          to_bytes(rest.subspan(size))};
}

/// Returns the blobs of a store by the names of their files.
inline std::vector<konserve_blob> konserve_blobs(std::string_view store) {
  std::vector<konserve_blob> result;
  for (auto& x :
       std::filesystem::directory_iterator{konserve_samples() / store})
    if (x.path().extension() == ".ksv")
      result.push_back(read_konserve_blob(x.path()));
  std::ranges::sort(result, {}, &konserve_blob::name);
  return result;
}

} // namespace larder::test
