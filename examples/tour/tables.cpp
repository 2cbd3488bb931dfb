// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "tables.hpp"

#include "larder/text.hpp"

#include <fstream>
#include <iterator>

using namespace larder;

namespace tour {

std::vector<table> iso_tables() {
  const std::string folder = "/usr/share/iso-codes/json/";
  return {
    {"languages", folder + "iso_639-3.json", "639-3", "alpha_3", "language/"},
    {"subdivisions", folder + "iso_3166-2.json", "3166-2", "code",
     "subdivision/"},
  };
}

expected<std::vector<record>> load(const table& x) {
  std::ifstream in{x.file, std::ios::binary};
  if (!in)
    return fail(errc::not_found,
                x.file + ": install Debian's package iso-codes");
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto root = parse_json(text);
  if (!root)
    return fail(root.error().with_context(x.file));
  auto rows = root->is(value::kind::map) ? root->find(x.member) : nullptr;
  if (rows == nullptr || !rows->is(value::kind::vector))
    return fail(errc::parse_error, x.file + " has no array " + x.member);
  std::vector<record> result;
  for (auto& row : rows->items()) {
    auto id = row.is(value::kind::map) ? row.find(x.id_field) : nullptr;
    if (id == nullptr || !id->is(value::kind::string))
      return fail(errc::parse_error,
                  x.file + " has a record without " + x.id_field);
    result.push_back({x.prefix + std::string{id->as_string()}, row});
  }
  return result;
}

} // namespace tour
