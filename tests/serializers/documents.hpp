// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The test vectors in the documents.

#pragma once

#include "larder/bytes.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <string>

namespace larder::test {

/// The indented hexadecimal digits that follow the line `title` of a document.
inline bytes documented_vector(const std::string& document,
                               const std::string& title) {
  std::ifstream in{LARDER_SOURCE_DIR "/docs/" + document};
  std::string line;
  while (std::getline(in, line) && line != title) {
    // skip
  }
  std::getline(in, line); // the empty line
  std::string digits;
  while (std::getline(in, line) && line.starts_with("    "))
    digits += line.substr(4);
  bytes result;
  INFO(title);
  REQUIRE(!digits.empty());
  REQUIRE(from_hex(digits, result));
  return result;
}

} // namespace larder::test
