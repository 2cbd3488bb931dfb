// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/registry.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <thread>

using namespace larder;

namespace {

const engine& memory_engine() {
  static const backend_registry registry;
  return **registry.find("memory");
}

uri parsed(const std::string& str) {
  return *uri::parse(str);
}

std::unique_ptr<backend> create(const std::string& str = "memory:") {
  auto result = memory_engine().create(parsed(str));
  REQUIRE(result);
  return std::move(*result);
}

revision rev(uint8_t x) {
  revision result;
  result.data.fill(std::byte{x});
  return result;
}

/// A blob of header and `value_size` bytes.
std::shared_ptr<const bytes> blob(uint8_t x, size_t value_size = 0) {
  header hdr;
  hdr.rev = rev(x);
  hdr.value_size = value_size;
  bytes result;
  hdr.encode(result);
  result.resize(result.size() + value_size, std::byte{x});
  return std::make_shared<const bytes>(std::move(result));
}

mutation put(std::string key, std::shared_ptr<const bytes> x,
             precondition condition = {}) {
  return {std::move(key), std::move(x), condition};
}

mutation erase(std::string key, precondition condition = {}) {
  return {std::move(key), std::monostate{}, condition};
}

template <class... Ts>
std::vector<commit_outcome> commit(backend& store, Ts... xs) {
  std::vector<mutation> batch{std::move(xs)...};
  return store.commit(batch);
}

std::optional<blob_view> get(backend& store, const std::string& key) {
  std::vector<read_request> requests{{key, blob_part::all, 0, 0, {}}};
  auto result = store.read(requests);
  REQUIRE(result.size() == 1);
  REQUIRE(result[0]);
  return *result[0];
}

std::vector<std::string> keys(backend& store) {
  std::vector<std::string> result;
  list_request request;
  request.limit = 3;
  do {
    auto page = store.list(request);
    REQUIRE(page);
    for (auto& x : page->entries)
      result.push_back(x.key);
    request.after = page->next;
  } while (!request.after.empty());
  return result;
}

} // namespace

TEST_CASE("a memory store without a name cannot be found again") {
  auto store = create();
  CHECK(memory_engine().exists(parsed("memory:")) == false);
  CHECK(memory_engine().open(parsed("memory:")).error() == errc::not_found);
  CHECK(memory_engine().destroy(parsed("memory:")).error() == errc::not_found);
  auto other = create();
  CHECK(store->id() != other->id());
  CHECK(commit(*store, put("a", blob(1)))[0]);
  CHECK(!get(*other, "a"));
}

TEST_CASE("a named memory store keeps identity and content until destroyed") {
  auto name = parsed("memory:keeps");
  auto store = create("memory:keeps");
  auto id = store->id();
  CHECK(store->name() == "memory:keeps");
  REQUIRE(commit(*store, put("a", blob(1)))[0]);
  store.reset();
  CHECK(memory_engine().exists(name) == true);
  CHECK(memory_engine().create(name).error() == errc::already_exists);
  auto again = memory_engine().open(name);
  REQUIRE(again);
  CHECK((*again)->id() == id);
  CHECK(get(**again, "a"));
  again->reset();
  REQUIRE(memory_engine().destroy(name));
  CHECK(memory_engine().exists(name) == false);
  CHECK(memory_engine().open(name).error() == errc::not_found);
  CHECK(memory_engine().destroy(name).error() == errc::not_found);
}

TEST_CASE("a named memory store is open at most once") {
  auto name = parsed("memory:once");
  auto store = create("memory:once");
  CHECK(memory_engine().open(name).error() == errc::locked);
  CHECK(memory_engine().destroy(name).error() == errc::locked);
  store.reset();
  CHECK(memory_engine().destroy(name));
}

TEST_CASE("the memory engine refuses what it does not know") {
  for (auto str :
       {"memory:?sync=off", "memory://host", "memory:?max-bytes=x"}) {
    CAPTURE(str);
    auto x = parsed(str);
    CHECK(memory_engine().create(x).error() == errc::invalid_argument);
    CHECK(memory_engine().open(x).error() == errc::invalid_argument);
    CHECK(memory_engine().exists(x).error() == errc::invalid_argument);
    CHECK(memory_engine().destroy(x).error() == errc::invalid_argument);
  }
}

TEST_CASE("reading from memory copies nothing and outlives the blob") {
  auto store = create();
  auto original = blob(1, 1000);
  REQUIRE(commit(*store, put("a", original))[0]);
  auto view = get(*store, "a");
  REQUIRE(view);
  CHECK(view->data.data() == original->data());
  auto expected = *original;
  original.reset();
  REQUIRE(commit(*store, erase("a"))[0]);
  store.reset();
  CHECK(std::equal(expected.begin(), expected.end(), view->data.begin(),
                   view->data.end()));
}

TEST_CASE("one failed precondition fails its group and nothing else") {
  auto store = create();
  REQUIRE(commit(*store, put("b", blob(1)), put("c", blob(1)))[0]);
  auto in_group = [](mutation x) {
    x.group = 1;
    return x;
  };
  auto result = commit(*store, in_group(put("a", blob(2))),
                       in_group(put("b", blob(2), precondition::absent())),
                       in_group(erase("c")), put("e", blob(2)),
                       put("d", blob(2), precondition::matches(rev(9))));
  REQUIRE(result.size() == 5);
  CHECK(result[0].error() == errc::conflict);
  CHECK(result[1].error() == errc::precondition_failed);
  CHECK(result[2].error() == errc::conflict);
  CHECK(result[3]);
  CHECK(result[4].error() == errc::precondition_failed);
  CHECK(keys(*store) == std::vector<std::string>{"b", "c", "e"});
  CHECK(get(*store, "b")->data[24] == std::byte{1});
}

TEST_CASE("readers never see half of a group in memory") {
  auto store = create();
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i)
    names.push_back("key " + std::to_string(i));
  auto put_all = [&](uint8_t x) {
    std::vector<mutation> batch;
    for (auto& name : names) {
      batch.push_back(put(name, blob(x)));
      batch.back().group = 1;
    }
    for (auto& outcome : store->commit(batch))
      if (!outcome)
        return false;
    return true;
  };
  REQUIRE(put_all(1));
  std::atomic<int> torn = 0;
  std::atomic<int> seen = 0;
  std::atomic<bool> done = false;
  std::thread reader{[&] {
    std::vector<read_request> requests;
    for (auto& name : names)
      requests.push_back({name, blob_part::header, 0, 0, {}});
    while (!done) {
      auto blobs = store->read(requests);
      auto page = store->list({"", "", 10, blob_part::header});
      for (size_t i = 1; i < names.size(); ++i) {
        torn += (*blobs[i])->data[24] != (*blobs[0])->data[24];
        torn += page->entries[i].blob->data[24]
                != page->entries[0].blob->data[24];
      }
      ++seen;
    }
  }};
  auto ok = true;
  for (int i = 0; i < 2000 || seen < 100; ++i)
    ok = put_all(static_cast<uint8_t>(i % 200 + 1)) && ok;
  done = true;
  reader.join();
  CHECK(ok);
  CHECK(torn == 0);
}

TEST_CASE("a memory store lists the keys of all shards in order") {
  auto store = create();
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    expected.push_back(std::to_string(i * 7919 % 500));
    REQUIRE(commit(*store, put(expected.back(), blob(1)))[0]);
  }
  std::sort(expected.begin(), expected.end());
  CHECK(keys(*store) == expected);
}

TEST_CASE("a memory cursor belongs to one listing") {
  auto store = create();
  REQUIRE(commit(*store, put("a1", blob(1)), put("a2", blob(1)))[0]);
  auto page = store->list({"a", "", 1, blob_part::none});
  REQUIRE(page);
  REQUIRE(!page->next.empty());
  CHECK(store->list({"a", page->next, 1, blob_part::none}));
  CHECK(store->list({"b", page->next, 1, blob_part::none}).error()
        == errc::invalid_argument);
}

TEST_CASE("a full memory store refuses puts until there is room") {
  auto store = create("memory:?max-bytes=1000");
  REQUIRE(commit(*store, put("a", blob(1, 800)))[0]); // 865 bytes
  SECTION("a put that does not fit changes nothing") {
    CHECK(commit(*store, put("b", blob(1, 100)))[0].error()
          == errc::limit_exceeded);
    CHECK(keys(*store) == std::vector<std::string>{"a"});
    CHECK(commit(*store, put("b", blob(1, 70)))[0]);
    CHECK(commit(*store, put("c", blob(1, 0)))[0].error()
          == errc::limit_exceeded);
  }
  SECTION("what a group frees can be used by the same group") {
    std::vector<mutation> batch{put("b", blob(1, 900)), erase("a")};
    batch[0].group = batch[1].group = 1;
    auto result = store->commit(batch);
    CHECK(result[0]);
    CHECK(result[1]);
  }
  SECTION("a group that does not fit leaves room for others") {
    std::vector<mutation> batch{put("b", blob(1, 50)), put("c", blob(1, 50)),
                                erase("d"), put("e", blob(1, 60))};
    for (size_t i = 0; i < 3; ++i)
      batch[i].group = 1;
    auto result = store->commit(batch);
    CHECK(result[0].error() == errc::limit_exceeded);
    CHECK(result[1].error() == errc::limit_exceeded);
    CHECK(result[2].error() == errc::conflict);
    CHECK(result[3]);
    CHECK(keys(*store) == std::vector<std::string>{"a", "e"});
    CHECK(commit(*store, put("f", blob(1, 0)))[0].error()
          == errc::limit_exceeded);
  }
  SECTION("a key that is kept needs no room and frees none") {
    std::vector<mutation> batch{{"a", keep{}, {}, 1}, put("b", blob(1, 100))};
    batch[1].group = 1;
    auto result = store->commit(batch);
    CHECK(result[0].error() == errc::conflict);
    CHECK(result[1].error() == errc::limit_exceeded);
    batch[1].content = blob(1, 70);
    result = store->commit(batch);
    CHECK(result[0]);
    CHECK(result[1]);
    CHECK(keys(*store) == std::vector<std::string>{"a", "b"});
  }
  SECTION("replacing counts only the difference") {
    CHECK(commit(*store, put("a", blob(2, 935)))[0]);
    CHECK(commit(*store, put("a", blob(2, 936)))[0].error()
          == errc::limit_exceeded);
    CHECK(commit(*store, put("a", blob(2, 0)))[0]);
    CHECK(commit(*store, put("b", blob(2, 800)))[0]);
  }
  SECTION("blobs being staged count until they are discarded") {
    auto staged = store->stage("b", 64);
    REQUIRE(staged);
    CHECK((*staged)->append(bytes(70)));
    CHECK((*staged)->append(bytes(2)).error() == errc::limit_exceeded);
    CHECK(commit(*store, put("c", blob(1)))[0].error() == errc::limit_exceeded);
    staged->reset();
    CHECK(commit(*store, put("c", blob(1)))[0]);
    CHECK(store->stage("b", 100).error() == errc::limit_exceeded);
  }
  SECTION("a staged blob is not counted twice when it is committed") {
    auto staged = store->stage("b", 64);
    REQUIRE(staged);
    REQUIRE((*staged)->set_prefix(*blob(3)));
    REQUIRE((*staged)->append(bytes(70)));
    std::shared_ptr<staged_blob> shared = std::move(*staged);
    CHECK(commit(*store, mutation{"b", shared, {}})[0]);
    shared.reset();
    CHECK(commit(*store, put("c", blob(1)))[0].error() == errc::limit_exceeded);
    CHECK(commit(*store, erase("b"))[0]);
    CHECK(commit(*store, put("c", blob(1)))[0]);
  }
}

TEST_CASE("an absurd size to stage is refused before it is allocated") {
  auto store = create();
  CHECK(store->stage("a", std::numeric_limits<uint64_t>::max() - 1).error()
        == errc::limit_exceeded);
  CHECK(store->stage("a", uint64_t{1} << 62).error() == errc::limit_exceeded);
}

TEST_CASE("a blob staged in memory is committed once and only where it "
          "belongs") {
  auto store = create();
  auto other = create();
  auto stage = [&](const std::string& key) {
    auto result = store->stage(key, 64);
    REQUIRE(result);
    return std::shared_ptr<staged_blob>{std::move(*result)};
  };
  auto staged = stage("a");
  auto try_commit = [&](backend& to, const std::string& key) {
    return commit(to, mutation{key, staged, {}})[0];
  };
  CHECK(try_commit(*store, "a").error() == errc::invalid_argument);
  CHECK(staged->set_prefix(bytes(63)).error() == errc::invalid_argument);
  REQUIRE(staged->set_prefix(*blob(1)));
  CHECK(try_commit(*store, "b").error() == errc::invalid_argument);
  CHECK(try_commit(*other, "a").error() == errc::invalid_argument);
  CHECK(try_commit(*store, "a"));
  CHECK(try_commit(*store, "a").error() == errc::invalid_argument);
  CHECK(staged->append(bytes(1)).error() == errc::invalid_argument);
  CHECK(staged->set_prefix(bytes(64)).error() == errc::invalid_argument);
  CHECK(commit(*store, put("c", nullptr))[0].error() == errc::invalid_argument);
  CHECK(keys(*store) == std::vector<std::string>{"a"});
}
