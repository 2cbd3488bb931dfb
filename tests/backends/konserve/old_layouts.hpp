// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Stores as konserve wrote them before it had `.ksv` files.

#pragma once

#include "backends/konserve/konserve_tools.hpp"

namespace larder::test {

inline bytes fressian(const value& x) {
  codec_registry codecs;
  bytes result;
  REQUIRE(codecs.find_serializer("fressian").value()->encode(x, result, {}));
  return result;
}

inline std::string id_of(const value& key) {
  return to_string(konserve::hasch_uuid(key).value());
}

/// The layouts in which a key can be.
enum class old_layout { v1, v1_binary, v2, v2_binary };

/// Writes what konserve before 0.5, or 0.5, would have written.
inline void write_old(const std::string& dir, old_layout layout,
                      const value& key, const value& content) {
  namespace fs = std::filesystem;
  auto id = id_of(key);
  if (layout == old_layout::v1)
    return write_file(dir + "/" + id,
                      fressian(value::vector({value::vector({key}), content})));
  if (layout == old_layout::v1_binary)
    return write_file(dir + "/B_" + id, content.as_bytes());
  auto binary = layout == old_layout::v2_binary;
  fs::create_directories(dir + "/meta");
  fs::create_directories(dir + "/data");
  write_file(
    dir + "/meta/" + id,
    fressian(value::map(
      {{kw("key"), key}, {kw("format"), kw(binary ? "binary" : "edn")}})));
  write_file(dir + "/data/" + id,
             binary ? to_bytes(content.as_bytes()) : fressian(content));
}

/// Whether anything of a key is left in an old layout.
inline bool is_in_old_layout(const std::string& dir, const value& key) {
  auto id = id_of(key);
  for (auto name : {id, "B_" + id, "meta/" + id, "data/" + id})
    if (std::filesystem::exists(dir + "/" + name))
      return true;
  return false;
}

} // namespace larder::test
