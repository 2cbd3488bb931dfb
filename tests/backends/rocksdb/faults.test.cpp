// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/rocksdb/faulty_medium.hpp"
#include "backends/rocksdb/rocks_tools.hpp"

#include "larder/compliance.hpp"

#include <fstream>

using namespace rocks_tools;
using detail::chunk_size;
using file_tools::blob;

namespace fs = std::filesystem;

namespace {

/// A store on a medium that fails on demand.
struct fixture {
  fixture() {
    config.dir = tmp / "store";
    config.env = env.get();
    config.write_buffer = uint64_t{1} << 20;
    store = rocks_tools::create(config);
  }

  void reopen() {
    store = nullptr;
    medium->heal();
    store = rocks_tools::open(config);
  }

  /// Checks that nothing more is written and that reading goes on.
  void check_refuses_writes() {
    auto before = keys(*store);
    auto result = commit_one(*store, put("later", blob(9, "x")));
    REQUIRE(!result);
    CHECK(result.error() == errc::io_error);
    CHECK(!result.error().data_loss());
    CHECK(result.error().message().find("reopened") != std::string::npos);
    auto staged = store->stage("later", 0);
    REQUIRE(staged);
    auto appended = (*staged)->append(bytes(3 * chunk_size));
    REQUIRE(!appended);
    CHECK(appended.error() == errc::io_error);
    CHECK(keys(*store) == before);
    CHECK(medium->repeated_syncs() == 0);
  }

  temp_dir tmp;
  std::shared_ptr<faulty_medium> medium = std::make_shared<faulty_medium>();
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(medium);
  detail::rocks_config config;
  std::unique_ptr<backend> store;
};

/// Overwrites 16 bytes in the middle of each file with an ending.
size_t damage(const std::string& dir, std::string_view suffix) {
  size_t result = 0;
  for (auto& x : fs::directory_iterator{dir}) {
    if (!x.path().string().ends_with(suffix) || x.file_size() < 1000)
      continue;
    std::fstream file{x.path(),
                      std::ios::in | std::ios::out | std::ios::binary};
    // Not where a record begins: a log with a wrong length of a record looks
    // like one that ends there.
    file.seekp(static_cast<std::streamoff>(x.file_size() / 2 + 200));
    file << std::string(16, '?');
    ++result;
  }
  return result;
}

/// Spreads the heads of a closed store over tables of 64 KiB in one level.
/// @returns the files, in the order of their keys
std::vector<std::string> split_heads(const detail::rocks_config& config) {
  detail::rocks_options options{config};
  options.heads.target_file_size_base = uint64_t{1} << 16;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* ptr = nullptr;
  auto status
    = rocksdb::DB::Open(options.db, config.dir,
                        {{std::string{detail::notes_family}, options.notes},
                         {std::string{detail::heads_family}, options.heads},
                         {std::string{detail::chunks_family}, options.chunks}},
                        &handles, &ptr);
  INFO(status.ToString());
  REQUIRE(status.ok());
  std::unique_ptr<rocksdb::DB> db{ptr};
  rocksdb::CompactRangeOptions all;
  all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  REQUIRE(db->CompactRange(all, handles[1], nullptr, nullptr).ok());
  rocksdb::ColumnFamilyMetaData found;
  db->GetColumnFamilyMetaData(handles[1], &found);
  std::map<std::string, std::string> files;
  for (auto& level : found.levels)
    for (auto& x : level.files)
      files.emplace(x.smallestkey, x.db_path + x.name);
  for (auto* x : handles)
    db->DestroyColumnFamilyHandle(x);
  std::vector<std::string> result;
  for (auto& [key, path] : files)
    result.push_back(path);
  return result;
}

void flip_bit(const std::string& path, size_t offset) {
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  file.seekg(static_cast<std::streamoff>(offset));
  auto c = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(c);
  REQUIRE(file.flush());
}

} // namespace

TEST_CASE_METHOD(fixture,
                 "what RocksDB ignores while a store is made is told") {
  config.dir = tmp / "other";
  medium->fail(fault::directory_sync_error, "OPTIONS");
  auto refused = detail::create_rocks_store(config);
  REQUIRE(!refused);
  CHECK(refused.error() == errc::io_error);
  CHECK(refused.error().message().find("directory") != std::string::npos);
  medium->heal();
  CHECK(rocks_tools::create(config)); // the half of it is no hindrance
}

TEST_CASE_METHOD(fixture, "after a failed sync a rocksdb store stops writing") {
  auto old = blob(1, "old");
  REQUIRE(commit_one(*store, put("a", old)));
  medium->fail(fault::sync_error, ".log");
  std::vector<mutation> batch{put("a", blob(2, "new")),
                              put("b", blob(2, "new")),
                              {"a key that is only looked at", keep{}, {}},
                              erase("c")};
  batch[0].group = batch[1].group = 1;
  auto results = store->commit(batch);
  for (size_t i : {0, 1}) {
    REQUIRE(!results[i]);
    CHECK(results[i].error() == errc::io_error);
    CHECK(results[i].error().data_loss());
  }
  CHECK(results[2]); // what changes nothing cannot be lost
  CHECK(results[3]);
  CHECK(get(*store, "a") == *old); // nobody sees what may be lost
  CHECK(!get(*store, "b"));
  medium->heal(); // the medium recovers, but what it holds is unknown
  check_refuses_writes();
  reopen();
  CHECK((get(*store, "a") == *old) == !get(*store, "b")); // all or nothing
  REQUIRE(commit_one(*store, put("later", old)));
}

TEST_CASE_METHOD(fixture, "a full medium is told, and reopening helps") {
  auto old = blob(1, "old");
  REQUIRE(commit_one(*store, put("a", old)));
  medium->fail(fault::no_space, ".log");
  auto result = commit_one(*store, put("a", blob(2, "new")));
  REQUIRE(!result);
  CHECK(result.error() == errc::io_error);
  CHECK(result.error().message().find("free some space") != std::string::npos);
  CHECK(get(*store, "a") == *old);
  check_refuses_writes();
  reopen();
  CHECK(get(*store, "a") == *old);
  REQUIRE(commit_one(*store, put("b", old)));
  CHECK(keys(*store) == std::vector<std::string>{"a", "b"});
}

TEST_CASE_METHOD(fixture, "a failure while a blob is staged loses nothing") {
  auto old = blob(1, "old");
  REQUIRE(commit_one(*store, put("a", old)));
  std::shared_ptr<staged_blob> staged = std::move(*store->stage("a", 0));
  REQUIRE(staged->append(bytes(2 * chunk_size)));
  medium->fail(fault::write_error, ".log");
  auto appended = staged->append(bytes(2 * chunk_size));
  REQUIRE(!appended);
  CHECK(appended.error() == errc::io_error);
  CHECK(!appended.error().data_loss());
  medium->heal();
  auto result = commit_one(*store, {"a", staged, {}});
  REQUIRE(!result);
  CHECK(!result.error().data_loss());
  staged = nullptr;
  check_refuses_writes();
  reopen();
  CHECK(get(*store, "a") == *old);
  REQUIRE(commit_one(*store, put("b", old)));
  store = nullptr;
  raw_database raw{config.dir};
  CHECK(raw.records(0).empty()); // the orphans have gone
  CHECK(raw.records(2).empty());
}

TEST_CASE_METHOD(fixture, "a failure in the background stops writing") {
  auto old = blob(1, "old");
  REQUIRE(commit_one(*store, put("a", old)));
  medium->fail(fault::sync_error, ".sst");
  std::map<std::string, bool> acknowledged;
  std::optional<error> problem;
  for (int i = 0; i < 200 && !problem; ++i) { // more than fits into memory
    auto key = "key " + std::to_string(i);
    auto result
      = commit_one(*store, put(key, blob(1, std::string(90'000, 'x'))));
    acknowledged[key] = result.has_value();
    if (!result)
      problem = result.error();
  }
  REQUIRE(problem);
  CHECK(*problem == errc::io_error);
  CHECK(!problem->data_loss()); // nothing was written
  CHECK(get(*store, "a") == *old);
  medium->heal();
  check_refuses_writes();
  reopen();
  CHECK(get(*store, "a") == *old);
  for (auto& [key, x] : acknowledged)
    CHECK(get(*store, key).has_value() == x);
}

TEST_CASE_METHOD(fixture, "what cannot be read is not missing") {
  REQUIRE(commit_one(*store, put("a", blob(1, std::string(700'000, 'x')))));
  REQUIRE(commit_one(*store, put("b", blob(1, std::string(700'000, 'x')))));
  reopen();
  medium->fail(fault::read_error, ".sst");
  auto found = read_one(*store, {"a", blob_part::all, 0, 0, {}});
  REQUIRE(!found);
  CHECK(found.error() == errc::io_error);
  auto page = store->list({});
  auto put_result
    = commit_one(*store, put("a", blob(2, "x"), precondition::absent()));
  CHECK(!put_result);
  medium->heal();
  CHECK(get(*store, "a"));
  CHECK(keys(*store) == std::vector<std::string>{"a", "b"});
}

TEST_CASE_METHOD(fixture, "a damaged table is corruption") {
  for (auto key : {"a", "b", "c"})
    REQUIRE(commit_one(*store, put(key, blob(1, std::string(700'000, 'x')))));
  store = nullptr;
  REQUIRE(damage(config.dir, ".sst") > 0);
  auto opened = detail::open_rocks_store(config);
  if (!opened) {
    CHECK(opened.error() == errc::corruption);
    return;
  }
  size_t damaged = 0;
  for (auto key : {"a", "b", "c"}) {
    auto found = read_one(**opened, {key, blob_part::all, 0, 0, {}});
    if (!found) {
      CHECK(found.error() == errc::corruption);
      ++damaged;
    } else {
      CHECK(*found);
    }
  }
  CHECK(damaged > 0);
}

TEST_CASE_METHOD(fixture, "listing finds a damaged table of several") {
  auto content = blob(1, std::string(1000, 'x'));
  std::vector<mutation> batch;
  for (int i = 0; i < 300; ++i)
    batch.push_back(put("key " + std::to_string(100 + i), content));
  for (auto& x : store->commit(batch))
    REQUIRE(x);
  auto all = keys(*store);
  store = nullptr;
  // In the same level each, as after a while of use.
  auto tables = split_heads(config);
  REQUIRE(tables.size() > 3);
  CHECK(keys(*rocks_tools::open(config)) == all);
  auto size = fs::file_size(tables[1]);
  for (auto offset : {uintmax_t{100}, size - 3}) { // first block, footer
    flip_bit(tables[1], offset);
    auto opened = detail::open_rocks_store(config);
    auto page = opened ? (*opened)->list({{}, {}, 1000, blob_part::metadata})
                       : fail(opened.error());
    CHECK((!page && page.error() == errc::corruption));
    opened = fail(errc::closed, {});
    flip_bit(tables[1], offset);
  }
  CHECK(keys(*rocks_tools::open(config)) == all);
}

TEST_CASE_METHOD(fixture, "a damaged log is corruption unless told otherwise") {
  auto content = blob(1, std::string(1000, 'x'));
  for (int i = 0; i < 20; ++i)
    REQUIRE(commit_one(*store, put("key " + std::to_string(100 + i), content)));
  store = nullptr;
  REQUIRE(damage(config.dir, ".log") == 1);
  auto opened = detail::open_rocks_store(config);
  REQUIRE(!opened);
  CHECK(opened.error() == errc::corruption);
  CHECK(opened.error().message().find("point-in-time") != std::string::npos);
  config.strict_recovery = false;
  auto rescued = keys(*rocks_tools::open(config));
  CHECK(!rescued.empty());
  CHECK(rescued.size() < 20);
  CHECK(rescued.back() == "key " + std::to_string(99 + rescued.size()));
  config.strict_recovery = true;
  CHECK(keys(*rocks_tools::open(config)) == rescued);
}

TEST_CASE_METHOD(fixture, "a log that ends too early loses no more than that") {
  auto content = blob(1, std::string(1000, 'x'));
  for (int i = 0; i < 3; ++i)
    REQUIRE(commit_one(*store, put("key " + std::to_string(i), content)));
  store = nullptr;
  for (auto& x : fs::directory_iterator{config.dir})
    if (x.path().string().ends_with(".log"))
      fs::resize_file(x.path(), x.file_size() - 10);
  store = rocks_tools::open(config);
  CHECK(keys(*store) == std::vector<std::string>{"key 0", "key 1"});
}

TEST_CASE_METHOD(fixture, "parts of blobs are read without the rest") {
  std::vector<mutation> batch;
  for (int i = 0; i < 20; ++i)
    batch.push_back(
      put("key " + std::to_string(i), blob(1, std::string(1'000'000, 'x'))));
  for (auto& x : store->commit(batch))
    REQUIRE(x);
  reopen();
  auto cost = [&](auto f) {
    auto before = medium->bytes_read();
    f();
    return medium->bytes_read() - before;
  };
  CHECK(cost([&] {
          auto page = store->list({{}, {}, 100, blob_part::metadata});
          REQUIRE(page);
          CHECK(page->entries.size() == 20);
        })
        < 200'000);
  CHECK(cost([&] {
          for (auto part :
               {blob_part::none, blob_part::header, blob_part::metadata})
            for (int i = 0; i < 20; ++i)
              REQUIRE(
                read_one(*store, {"key " + std::to_string(i), part, 0, 0, {}}));
        })
        < 200'000);
  CHECK(cost([&] {
          auto found = read_one(
            *store, {"key 3", blob_part::range, 500'000, 100, rev(1)});
          REQUIRE((found && *found));
          CHECK((*found)->data.size() == 100);
        })
        < 3 * chunk_size);
}
