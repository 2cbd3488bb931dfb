// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/rocksdb/rocks_tools.hpp"

#include "larder/compliance.hpp"

using namespace rocks_tools;
using detail::chunk_size;
using detail::max_inline_value;

namespace {

std::shared_ptr<const bytes> sample(uint8_t x, size_t value_size,
                                    size_t metadata_size = 50) {
  bytes value(value_size);
  for (size_t i = 0; i < value_size; ++i)
    value[i] = static_cast<std::byte>(i * 31 / 7 + x);
  return std::make_shared<const bytes>(
    make_test_blob(rev(x), bytes(metadata_size, std::byte{0xA5}), value));
}

/// How many records there are.
struct census {
  size_t notes;
  size_t heads;
  size_t chunks;

  friend bool operator==(const census&, const census&) = default;

  friend std::ostream& operator<<(std::ostream& out, const census& x) {
    return out << x.notes << " notes, " << x.heads << " heads, " << x.chunks
               << " chunks";
  }
};

census count(const std::string& dir) {
  raw_database raw{dir};
  return {raw.records(0).size(), raw.records(1).size(), raw.records(2).size()};
}

detail::rocks_config fast_config(std::string dir) {
  auto result = config_for(std::move(dir));
  result.sync = false;
  result.write_buffer = uint64_t{4} << 20;
  return result;
}

std::shared_ptr<staged_blob> stage(backend& store, const std::string& key,
                                   uint64_t prefix_size) {
  auto result = store.stage(key, prefix_size);
  REQUIRE(result);
  return std::move(*result);
}

/// Appends `n` chunks of zeros.
void append_chunks(staged_blob& x, size_t n) {
  bytes zeros(chunk_size);
  for (size_t i = 0; i < n; ++i)
    REQUIRE(x.append(zeros));
}

} // namespace

TEST_CASE("heads of rocksdb stores are encoded and decoded") {
  auto start = sample(1, 1000);
  detail::blob_head head{start->size(), 0, *start};
  bytes encoded;
  append(encoded, head.encode());
  append(encoded, *start);
  auto decoded = detail::blob_head::decode(encoded);
  REQUIRE(decoded);
  CHECK(decoded->size == start->size());
  CHECK(decoded->generation == 0);
  CHECK(decoded->num_chunks() == 0);
  CHECK(to_bytes(decoded->start) == *start);
  auto refused = [&](size_t index, uint8_t x) {
    auto copy = encoded;
    copy[index] = std::byte{x};
    return !detail::blob_head::decode(copy);
  };
  CHECK(refused(0, 2));   // another format
  CHECK(refused(1, 1));   // a size that is not there
  CHECK(refused(8, 0));   // less than there is
  CHECK(!refused(16, 9)); // then the rest may be in chunks
  CHECK(!detail::blob_head::decode(bytes_view{encoded}.first(16)));
  CHECK(!detail::blob_head::decode(bytes_view{encoded}.first(100)));
}

TEST_CASE("a rocksdb store keeps small values with their heads") {
  temp_dir tmp;
  auto config = fast_config(tmp / "store");
  auto store = create(config);
  auto check = [&](size_t size, census expected) {
    CAPTURE(size);
    auto blob = sample(1, size);
    REQUIRE(commit_one(*store, put("a", blob)));
    CHECK(get(*store, "a") == *blob);
    CHECK(count(config.dir) == expected);
  };
  check(0, {0, 1, 0});
  check(max_inline_value, {0, 1, 0});
  check(max_inline_value + 1, {0, 1, 1});
  check(chunk_size - header::size_v2 - 50, {0, 1, 1});
  check(chunk_size - header::size_v2 - 49, {0, 1, 2});
  check(3 * chunk_size, {0, 1, 4});
  check(10 * chunk_size, {0, 1, 11}); // written before its commit
  check(1, {0, 1, 0});
  check(chunk_size, {0, 1, 2});
  REQUIRE(commit_one(*store, erase("a")));
  CHECK(count(config.dir) == census{0, 0, 0});
}

TEST_CASE("ranges of chunked blobs are exact at every boundary") {
  temp_dir tmp;
  auto store = create(fast_config(tmp / "store"));
  auto blob = sample(1, 3 * chunk_size - 200, 1000);
  REQUIRE(commit_one(*store, put("a", blob)));
  std::vector<uint64_t> places{0,
                               1,
                               63,
                               64,
                               65,
                               1064,
                               1065,
                               blob->size() - 1,
                               blob->size(),
                               blob->size() + 1};
  for (uint64_t i = 1; i <= 3; ++i)
    for (auto x : {i * chunk_size - 1, i * chunk_size, i * chunk_size + 1})
      places.push_back(x);
  for (auto first : places)
    for (auto last : places) {
      if (last < first)
        continue;
      CAPTURE(first, last);
      auto found = read_one(
        *store, {"a", blob_part::range, first, last - first, rev(1)});
      REQUIRE((found && *found));
      auto begin = std::min<uint64_t>(first, blob->size());
      auto end = std::min<uint64_t>(last, blob->size());
      CHECK((*found)->blob_size == blob->size());
      CHECK(to_bytes((*found)->data)
            == to_bytes(bytes_view{*blob}.subspan(begin, end - begin)));
    }
  auto other = read_one(*store, {"a", blob_part::range, 0, 9, rev(2)});
  REQUIRE(!other);
  CHECK(other.error() == errc::conflict);
}

TEST_CASE("metadata is read and listed wherever it is") {
  temp_dir tmp;
  auto store = create(fast_config(tmp / "store"));
  auto metadata_size = GENERATE(size_t{0}, size_t{5000}, 2 * chunk_size);
  CAPTURE(metadata_size);
  auto blob = sample(1, 2 * chunk_size, metadata_size);
  auto wanted = bytes_view{*blob}.first(header::size_v2 + metadata_size);
  SECTION("put in one piece") {
    REQUIRE(commit_one(*store, put("a", blob)));
  }
  SECTION("staged behind a prefix") {
    auto staged = stage(*store, "a", wanted.size());
    REQUIRE(staged->append(bytes_view{*blob}.subspan(wanted.size())));
    REQUIRE(staged->set_prefix(bytes(wanted.size())));
    REQUIRE(staged->set_prefix(wanted)); // the last one counts
    REQUIRE(commit_one(*store, {"a", staged, {}}));
  }
  SECTION("staged without prefix") {
    auto staged = stage(*store, "a", 0);
    for (bytes_view rest{*blob}; !rest.empty();) {
      auto part = rest.first(std::min<size_t>(rest.size(), 77'777));
      REQUIRE(staged->append(part));
      rest = rest.subspan(part.size());
    }
    REQUIRE(commit_one(*store, {"a", staged, {}}));
  }
  auto check = [&](const blob_view& x) {
    CHECK(x.blob_size == blob->size());
    REQUIRE(x.data.size() >= wanted.size());
    CHECK(to_bytes(x.data.first(wanted.size())) == to_bytes(wanted));
  };
  CHECK(get(*store, "a") == *blob);
  auto found = read_one(*store, {"a", blob_part::metadata, 0, 0, {}});
  REQUIRE((found && *found));
  check(**found);
  auto page = store->list({{}, {}, 10, blob_part::metadata});
  REQUIRE(page);
  REQUIRE(page->entries.size() == 1);
  REQUIRE(page->entries[0].blob);
  check(*page->entries[0].blob);
}

TEST_CASE("very large blobs are replaced by ranges of chunks") {
  temp_dir tmp;
  auto config = fast_config(tmp / "store");
  auto store = create(config);
  auto large = stage(*store, "a", 0);
  append_chunks(*large, 70);
  REQUIRE(commit_one(*store, {"a", large, {}}));
  REQUIRE(commit_one(*store, put("b", sample(2, chunk_size))));
  store = nullptr;
  large = nullptr;
  CHECK(count(config.dir) == census{0, 2, 72});
  store = open(config);
  auto found
    = read_one(*store, {"a", blob_part::range, 69 * chunk_size - 5, 10, {}});
  REQUIRE((found && *found));
  CHECK((*found)->blob_size == 70 * chunk_size);
  CHECK(to_bytes((*found)->data) == bytes(10));
  REQUIRE(commit_one(*store, erase("a")));
  store = nullptr;
  CHECK(count(config.dir) == census{0, 1, 2});
}

TEST_CASE("the next writer removes what an interrupted staging has left") {
  temp_dir tmp;
  auto config = fast_config(tmp / "store");
  auto blob = sample(1, chunk_size);
  {
    auto store = create(config);
    REQUIRE(commit_one(*store, put("a", blob)));
    auto staged = stage(*store, "b", 64);
    append_chunks(*staged, 5);
    CHECK(count(config.dir) == census{1, 1, 6});
    // What a crash would leave: a copy of the medium as it is now.
    std::filesystem::copy(config.dir, tmp / "crashed",
                          std::filesystem::copy_options::recursive);
  }
  CHECK(count(config.dir) == census{0, 1, 2}); // discarded
  config.dir = tmp / "crashed";
  auto store = open(config);
  CHECK(get(*store, "a") == *blob);
  CHECK(keys(*store) == std::vector<std::string>{"a"});
  CHECK(count(config.dir) == census{1, 1, 6}); // readers change nothing
  SECTION("a commit") {
    REQUIRE(commit_one(*store, put("c", sample(3, 1))));
    CHECK(count(config.dir) == census{0, 2, 2});
  }
  SECTION("another staging") {
    auto staged = stage(*store, "b", 64);
    append_chunks(*staged, 3);
    CHECK(count(config.dir) == census{1, 1, 4});
    REQUIRE(staged->set_prefix(bytes(64)));
    REQUIRE(commit_one(*store, {"b", staged, {}}));
    CHECK(count(config.dir) == census{0, 2, 6});
    CHECK(get(*store, "b") == bytes(3 * chunk_size + 64));
  }
  CHECK(get(*store, "a") == *blob);
}

TEST_CASE("chunks of one session are not taken for those of another") {
  temp_dir tmp;
  auto config = fast_config(tmp / "store");
  std::map<std::string, std::shared_ptr<const bytes>> blobs;
  create(config);
  for (uint8_t session = 0; session < 4; ++session) {
    auto store = open(config);
    for (uint8_t i = 0; i < 3; ++i) {
      auto key = "key " + std::to_string((session + i) % 5);
      blobs[key] = sample(session * 10 + i, chunk_size + i);
      REQUIRE(commit_one(*store, put(key, blobs[key])));
    }
  }
  auto store = open(config);
  for (auto& [key, blob] : blobs)
    CHECK(get(*store, key) == *blob);
}

TEST_CASE("a rocksdb store refuses what is too large") {
  temp_dir tmp;
  auto config = fast_config(tmp / "store");
  config.max_blob_size = 1000;
  auto store = create(config);
  CHECK(store->caps().max_blob_size == 1000);
  auto fits = sample(1, 1000 - header::size_v2, 0);
  REQUIRE(commit_one(*store, put("a", fits)));
  auto refused = commit_one(*store, put("a", sample(2, 937, 0)));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::limit_exceeded);
  auto staged = stage(*store, "a", 900);
  REQUIRE(staged->append(bytes(100)));
  auto appended = staged->append(bytes(1));
  REQUIRE(!appended);
  CHECK(appended.error() == errc::limit_exceeded);
  for (uint64_t prefix : {uint64_t{1001}, ~uint64_t{0}}) {
    auto large = store->stage("a", prefix);
    REQUIRE(!large);
    CHECK(large.error() == errc::limit_exceeded);
  }
  auto key = commit_one(
    *store, put(std::string(store->caps().max_key_size + 1, 'k'), fits));
  REQUIRE(!key);
  CHECK(key.error() == errc::limit_exceeded);
  CHECK(get(*store, "a") == *fits);
}

TEST_CASE("a damaged record is told, and can be replaced") {
  temp_dir tmp;
  auto config = fast_config(tmp / "store");
  {
    auto store = create(config);
    REQUIRE(commit_one(*store, put("chunk", sample(1, chunk_size))));
    REQUIRE(commit_one(*store, put("good", sample(2, 10))));
    REQUIRE(commit_one(*store, put("head", sample(3, 10))));
  }
  {
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* ptr = nullptr;
    REQUIRE(rocksdb::DB::Open(rocksdb::DBOptions{}, config.dir,
                              {{"default", {}}, {"heads", {}}, {"chunks", {}}},
                              &handles, &ptr)
              .ok());
    std::unique_ptr<rocksdb::DB> db{ptr};
    REQUIRE(db->Put({}, handles[1], "head", "nonsense").ok());
    REQUIRE(
      db->Delete({}, handles[2], detail::to_slice(detail::make_chunk_key(1, 1)))
        .ok());
    for (auto* x : handles)
      db->DestroyColumnFamilyHandle(x);
  }
  auto store = open(config);
  for (auto key : {"chunk", "head"}) {
    auto found = read_one(*store, {key, blob_part::all, 0, 0, {}});
    REQUIRE(!found);
    CHECK(found.error() == errc::corruption);
  }
  auto page = store->list({{}, {}, 10, blob_part::metadata});
  REQUIRE(page);
  REQUIRE(page->entries.size() == 3);
  CHECK(page->entries[0].blob);
  CHECK(page->entries[1].blob);
  REQUIRE(!page->entries[2].blob);
  CHECK(page->entries[2].blob.error() == errc::corruption);
  for (std::string key : {"chunk", "head"}) {
    auto blob = sample(9, 100);
    CHECK(commit_one(*store, put(key, blob, precondition::absent())).error()
          == errc::precondition_failed);
    REQUIRE(commit_one(*store, put(key, blob)));
    CHECK(get(*store, key) == *blob);
  }
}
