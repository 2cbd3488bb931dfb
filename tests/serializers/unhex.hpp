// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace larder::test {

/// The bytes that hexadecimal digits stand for, with spaces wherever they help.
inline bytes unhex(std::string_view hex) {
  std::string digits{hex};
  std::erase(digits, ' ');
  bytes result;
  REQUIRE(from_hex(digits, result));
  return result;
}

} // namespace larder::test
