// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/store_access.hpp"

#include "trials/liars.hpp"
#include "trials/process.hpp"

#include "larder/registry.hpp"

#include <cstdio>

namespace trials {

using namespace larder;

namespace {

const backend_registry& registry() {
  static const auto result = [] {
    backend_registry all;
    add_liars(all);
    return all;
  }();
  return result;
}

/// Finds the engine and calls one of its functions.
template <class F>
auto call(F engine::*function, const std::string& str) {
  auto parsed = uri::parse(str);
  if (!parsed)
    give_up(to_string(parsed.error()));
  auto found = registry().find(parsed->scheme);
  if (!found)
    give_up(to_string(found.error()));
  return ((*found)->*function)(*parsed);
}

} // namespace

expected<std::unique_ptr<backend>> create_store(const std::string& uri) {
  return call(&engine::create, uri);
}

expected<std::unique_ptr<backend>> open_store(const std::string& uri) {
  return call(&engine::open, uri);
}

expected<bool> store_exists(const std::string& uri) {
  return call(&engine::exists, uri);
}

int print_durable_engines() {
  for (auto* scheme : {"file", "rocksdb", "lmdb", "sqlite"})
    if (registry().find(scheme))
      std::puts(scheme);
  return 0;
}

} // namespace trials
