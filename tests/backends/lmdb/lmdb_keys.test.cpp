// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Keys that are longer than those of LMDB, in order among all others.

#include "lmdb_tools.hpp"

#include <lmdb.h>
#include <rapidcheck.h>

using namespace lmdb_tools;

namespace {

/// Keys of which many are equal in their first segments.
rc::Gen<std::string> similar_keys() {
  auto part = rc::gen::element(
    std::string{}, std::string{"a"}, std::string{"b"}, std::string(1, '\0'),
    std::string(1, '\xFF'), std::string(499, 'x'), std::string(500, 'x'),
    std::string(501, 'x'), std::string(500, '\0'), std::string(1000, 'x'));
  return rc::gen::map(rc::gen::tuple(part, part, part), [](auto parts) {
    auto& [x, y, z] = parts;
    return x + y + z;
  });
}

/// Number of keys in the data file of a closed store.
size_t entries_in(const std::string& dir) {
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_open(env, (dir + "/larder.mdb").c_str(),
                       MDB_NOSUBDIR | MDB_RDONLY, 0666)
          == 0);
  MDB_stat stat{};
  mdb_env_stat(env, &stat);
  mdb_env_close(env);
  return stat.ms_entries;
}

std::vector<std::string> listed(backend& store, const std::string& prefix,
                                size_t limit) {
  list_request request;
  request.prefix = prefix;
  request.limit = limit;
  std::vector<std::string> result;
  for (auto& x : file_tools::list_all(store, request))
    result.push_back(x.key);
  return result;
}

} // namespace

TEST_CASE("an LMDB store is a sorted map of keys of any length") {
  CHECK(rc::check([] {
    temp_dir tmp;
    auto store = create(fast(tmp / "store"));
    std::map<std::string, bytes> model;
    auto num_steps = *rc::gen::inRange(1, 30);
    for (int i = 0; i < num_steps; ++i) {
      auto key = *similar_keys();
      if (*rc::gen::inRange(0, 3) == 0) {
        auto outcome = commit_one(*store, erase(key));
        RC_ASSERT(outcome->existed == (model.erase(key) == 1));
      } else {
        auto blob = filled(uint8_t(i), *rc::gen::element<size_t>(0, 3000));
        auto outcome = commit_one(*store, put(key, blob));
        RC_ASSERT(outcome->existed == model.contains(key));
        model[key] = *blob;
      }
    }
    auto prefix = *similar_keys();
    for (auto& start : {std::string{}, prefix}) {
      std::vector<std::string> wanted;
      for (auto& [key, blob] : model)
        if (key.starts_with(start))
          wanted.push_back(key);
      RC_ASSERT(listed(*store, start, *rc::gen::inRange<size_t>(1, 4))
                == wanted);
    }
    for (auto& [key, blob] : model)
      RC_ASSERT(get(*store, key) == blob);
    std::vector<mutation> rest;
    for (auto& [key, blob] : model)
      rest.push_back(erase(key));
    for (auto& x : store->commit(rest))
      RC_ASSERT(x && x->existed);
    store.reset();
    RC_ASSERT(entries_in(tmp / "store") == 1u); // the identity
  }));
}

TEST_CASE("a listing goes on at a long key that is gone") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  std::string base(1200, 'x');
  for (auto suffix : {"a", "b", "c"})
    REQUIRE(commit_one(*store, put(base + suffix, filled(1, 1))));
  REQUIRE(commit_one(*store, put("y", filled(1, 1))));
  auto page = store->list({{}, {}, 2, blob_part::none});
  REQUIRE(page);
  CHECK(page->entries.back().key == base + "b");
  for (auto suffix : {"a", "b", "c"})
    REQUIRE(commit_one(*store, erase(base + suffix)));
  page = store->list({{}, page->next, 2, blob_part::none});
  REQUIRE(page);
  REQUIRE(page->entries.size() == 1);
  CHECK(page->entries[0].key == "y");
}

TEST_CASE("staged blobs of an LMDB store take the longest key, none a longer") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  auto max = store->caps().max_key_size;
  CHECK(store->stage(std::string(max + 1, 'k'), 0).error()
        == errc::limit_exceeded);
  std::string key(max, 'k');
  auto staged = store->stage(key, 0);
  REQUIRE(staged);
  REQUIRE((*staged)->append(*filled(1, 5000)));
  REQUIRE(commit_one(*store, {key, std::shared_ptr{std::move(*staged)}, {}}));
  CHECK(get(*store, key) == *filled(1, 5000));
}
