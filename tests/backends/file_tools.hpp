// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of the file engine share.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/store.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace file_tools {

using namespace larder;

inline revision rev(uint8_t x) {
  revision result;
  result.data.fill(std::byte{x});
  return result;
}

/// A blob of layout 2 with revision `x` and the value `text`.
inline std::shared_ptr<const bytes> blob(uint8_t x, std::string_view text) {
  header hdr;
  hdr.rev = rev(x);
  hdr.value_size = text.size();
  bytes result;
  hdr.encode(result);
  append(result, as_bytes(text));
  return std::make_shared<const bytes>(std::move(result));
}

inline mutation put(std::string key, std::shared_ptr<const bytes> x,
                    precondition condition = {}) {
  return {std::move(key), std::move(x), condition};
}

inline mutation erase(std::string key, precondition condition = {}) {
  return {std::move(key), std::monostate{}, condition};
}

inline commit_outcome commit_one(backend& store, mutation x) {
  auto result = store.commit({&x, 1});
  REQUIRE(result.size() == 1);
  return std::move(result[0]);
}

inline read_outcome read_one(backend& store, read_request request) {
  auto result = store.read({&request, 1});
  REQUIRE(result.size() == 1);
  return std::move(result[0]);
}

/// The whole blob of a key, nothing if there is none.
inline std::optional<bytes> get(backend& store, const std::string& key) {
  read_request request;
  request.key = key;
  auto found = read_one(store, request);
  if (!found)
    FAIL(to_string(found.error()));
  if (!*found)
    return std::nullopt;
  CHECK((*found)->blob_size == (*found)->data.size());
  return to_bytes((*found)->data);
}

/// All entries, page by page.
inline std::vector<list_entry> list_all(backend& store,
                                        list_request request = {}) {
  std::vector<list_entry> result;
  do {
    auto page = store.list(request);
    if (!page)
      FAIL(to_string(page.error()));
    CHECK(page->entries.size() <= request.limit);
    for (auto& x : page->entries)
      result.push_back(std::move(x));
    request.after = page->next;
  } while (!request.after.empty());
  return result;
}

inline std::vector<std::string> keys(backend& store,
                                     const std::string& prefix = {}) {
  list_request request;
  request.prefix = prefix;
  std::vector<std::string> result;
  for (auto& x : list_all(store, request))
    result.push_back(x.key);
  std::sort(result.begin(), result.end());
  return result;
}

/// The paths of all files below `dir`, relative to it, sorted.
inline std::vector<std::string> files_below(const std::string& dir) {
  std::vector<std::string> result;
  for (auto& x : std::filesystem::recursive_directory_iterator{dir})
    if (!x.is_directory())
      result.push_back(std::filesystem::relative(x.path(), dir).string());
  std::sort(result.begin(), result.end());
  return result;
}

/// The path of a key's file in the store `dir`.
inline std::string file_of(const std::string& dir, const std::string& key) {
  return dir + "/" + detail::name_of(key).relative();
}

inline void write_file(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(
    std::filesystem::path{path}.parent_path());
  std::ofstream{path, std::ios::binary} << text;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline detail::file_config config_for(std::string dir) {
  detail::file_config result;
  result.dir = std::move(dir);
  return result;
}

inline std::unique_ptr<backend>
must(expected<std::unique_ptr<backend>> result) {
  if (!result)
    FAIL(to_string(result.error()));
  return std::move(*result);
}

inline std::unique_ptr<backend> create(detail::file_config config,
                                       std::shared_ptr<detail::file_ops> ops
                                       = std::make_shared<detail::file_ops>()) {
  return must(detail::create_file_store(std::move(config), std::move(ops)));
}

inline std::unique_ptr<backend> open(detail::file_config config,
                                     std::shared_ptr<detail::file_ops> ops
                                     = std::make_shared<detail::file_ops>()) {
  return must(detail::open_file_store(std::move(config), std::move(ops)));
}

} // namespace file_tools
