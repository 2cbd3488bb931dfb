// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Requests on append logs in short, and a look at what an engine holds.

#pragma once

#include "larder/backend.hpp"
#include "larder/key.hpp"
#include "larder/messages.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace larder::test {

inline append_request append(value key, std::vector<value> entries) {
  append_request result;
  result.key = std::move(key);
  result.entries = std::move(entries);
  return result;
}

inline read_log_request read_log(value key, uint64_t from = 0,
                                 uint64_t limit = 1'000'000) {
  return {std::move(key), from, limit, false};
}

inline read_log_request newest(value key, uint64_t limit) {
  return {std::move(key), 0, limit, true};
}

inline truncate_log_request truncate_log(value key, uint64_t position) {
  return {std::move(key), position, {}};
}

inline reduce_log_request reduce(value key, std::string function,
                                 std::optional<value> initial = std::nullopt) {
  return {std::move(key), std::move(function), {}, std::move(initial), 0};
}

/// The integers from `from` to `end`, which is not included.
inline std::vector<value> numbers(uint64_t from, uint64_t end) {
  std::vector<value> result(end - from);
  std::iota(result.begin(), result.end(), from);
  return result;
}

/// Entries of which each fills a segment. One message takes about 500.
inline std::vector<value> large_entries(size_t n) {
  return std::vector<value>(n, value{std::string(33'000, 'x')});
}

/// All keys that an engine holds, hidden ones as well, ascending.
inline std::vector<std::string> raw_keys(backend& engine) {
  std::vector<std::string> result;
  list_request req;
  do {
    auto page = engine.list(req);
    REQUIRE(page);
    for (auto& x : page->entries)
      result.push_back(x.key);
    req.after = page->next;
  } while (!req.after.empty());
  std::sort(result.begin(), result.end());
  return result;
}

inline size_t hidden_blobs(backend& engine) {
  auto keys = raw_keys(engine);
  return static_cast<size_t>(
    std::count_if(keys.begin(), keys.end(), is_hidden_key));
}

} // namespace larder::test
