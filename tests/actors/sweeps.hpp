// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of sweeps and publications share.

#pragma once

#include "stepper.hpp"

#include "larder/chain.hpp"

#include <set>
#include <vector>

namespace larder::test {

/// What the blobs of a stepper's stores are made by.
inline chain make_chain(const backend& engine) {
  auto codecs = std::make_shared<const codec_registry>();
  return {engine.id(), *make_chain_config(std::move(codecs), "cbor", "none",
                                          "none", nullptr)};
}

inline uint64_t begin_sweep(stepper& world, begin_sweep_request req = {}) {
  auto reply = world.call(std::move(req));
  REQUIRE(reply);
  return reply->sweep;
}

inline void keep_keys(stepper& world, uint64_t sweep, std::vector<value> keys) {
  REQUIRE(world.call(keep_request{sweep, std::move(keys)}));
}

/// All pages of a sweep together.
struct sweep_result {
  std::set<value> deleted;
  std::vector<undecided_key> undecided;
  uint64_t examined = 0;
  uint64_t kept = 0;
  uint64_t young = 0;
};

/// Makes all pages, then ends the sweep.
inline sweep_result sweep_all(stepper& world, uint64_t sweep,
                              uint64_t page_size = 1000) {
  sweep_result result;
  for (;;) {
    auto page = world.call(sweep_page_request{sweep, page_size});
    REQUIRE(page);
    for (auto& key : page->deleted)
      REQUIRE(result.deleted.insert(key).second);
    result.undecided.insert(result.undecided.end(), page->undecided.begin(),
                            page->undecided.end());
    CHECK(page->examined <= page_size);
    result.examined += page->examined;
    result.kept += page->kept;
    result.young += page->young;
    if (page->next.empty())
      break;
  }
  return result;
}

inline std::set<value> keys_of(stepper& world) {
  std::set<value> result;
  list_keys_request req;
  do {
    auto page = world.call(req);
    REQUIRE(page);
    for (auto& x : page->entries)
      REQUIRE(result.insert(x.key).second);
    req.after = page->next;
  } while (!req.after.empty());
  return result;
}

/// A number out of the group `:collection` of the statistics.
inline int64_t collected(stepper& world, std::string_view name) {
  auto reply = world.call(statistics_request{});
  REQUIRE(reply);
  auto found = get_in(reply->statistics,
                      path{value::keyword("collection"), value::keyword(name)});
  REQUIRE(found);
  return found->as_integer();
}

} // namespace larder::test
