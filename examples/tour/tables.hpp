// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Real data to store: tables of ISO standards as Debian ships them.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <string>
#include <vector>

namespace tour {

struct record {
  larder::value key;
  larder::value content;
};

/// Where a table is and how its records get their keys.
struct table {
  std::string title;
  std::string file;     ///< a JSON object with one array of objects
  std::string member;   ///< the name of that array
  std::string id_field; ///< the field that tells the objects apart
  std::string prefix;   ///< a key is the prefix followed by that field
};

/// ISO 639-3 languages and ISO 3166-2 subdivisions of countries.
std::vector<table> iso_tables();

/// Reads the records of a table.
/// @returns `not_found` if Debian's package iso-codes is not installed
larder::expected<std::vector<record>> load(const table& x);

} // namespace tour
