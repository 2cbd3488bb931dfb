// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of the SQLite engine share.

#pragma once

#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

#include "larder/registry.hpp"

#include <sqlite3.h>

namespace sqlite_tools {

using namespace larder;
using file_tools::blob;
using file_tools::commit_one;
using file_tools::erase;
using file_tools::get;
using file_tools::keys;
using file_tools::list_all;
using file_tools::must;
using file_tools::put;
using file_tools::read_one;
using file_tools::rev;
using file_tools::slurp;
using file_tools::write_file;

using options = std::map<std::string, std::string>;

inline uri uri_of(const std::string& path, options opts = {}) {
  return {"sqlite", {}, path, std::move(opts)};
}

/// The engine, as everybody gets it.
inline const engine& sqlite() {
  static const backend_registry registry;
  return **registry.find("sqlite");
}

inline std::unique_ptr<backend> create(const std::string& path,
                                       options opts = {}) {
  return must(sqlite().create(uri_of(path, std::move(opts))));
}

inline std::unique_ptr<backend> open(const std::string& path,
                                     options opts = {}) {
  return must(sqlite().open(uri_of(path, std::move(opts))));
}

} // namespace sqlite_tools
