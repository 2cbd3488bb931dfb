// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/rocksdb/rocks_tools.hpp"

#include <rocksdb/options.h>

using namespace rocks_tools;
using detail::parse_rocks_config;
using file_tools::blob;
using file_tools::slurp;
using file_tools::write_file;

namespace fs = std::filesystem;

namespace {

errc code_of(const expected<std::unique_ptr<backend>>& x) {
  REQUIRE(!x);
  return x.error().code();
}

std::string message_of(const expected<std::unique_ptr<backend>>& x) {
  REQUIRE(!x);
  return x.error().message();
}

/// A RocksDB that larder has not made.
std::unique_ptr<rocksdb::DB> foreign_database(const std::string& dir) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* result = nullptr;
  REQUIRE(rocksdb::DB::Open(options, dir, &result).ok());
  REQUIRE(result->Put({}, "theirs", "1").ok());
  return std::unique_ptr<rocksdb::DB>{result};
}

} // namespace

TEST_CASE("a rocksdb URI is read with its options") {
  auto config = parse_rocks_config(
    *uri::parse("rocksdb:/a//b/?sync=off&cache=1048576&write-buffer=2097152&"
                "compression=zstd&threads=7&max-open-files=99&"
                "recovery=point-in-time"));
  REQUIRE(config);
  CHECK(config->dir == "/a/b");
  CHECK(!config->sync);
  CHECK(!config->strict_recovery);
  CHECK(config->cache == 1048576);
  CHECK(config->write_buffer == 2097152);
  CHECK(config->compression == rocksdb::kZSTD);
  CHECK(config->threads == 7);
  CHECK(config->max_open_files == 99);
  auto defaults = parse_rocks_config(*uri::parse("rocksdb:/a"));
  REQUIRE(defaults);
  CHECK(defaults->sync);
  CHECK(defaults->strict_recovery);
  CHECK(defaults->compression == rocksdb::kNoCompression);
}

TEST_CASE("a rocksdb URI with a wrong option is refused") {
  for (auto str :
       {"rocksdb:", "rocksdb://host/a", "rocksdb:/a?sync=perhaps",
        "rocksdb:/a?cache=0", "rocksdb:/a?cache=-1", "rocksdb:/a?cache=1M",
        "rocksdb:/a?write-buffer=1000", "rocksdb:/a?write-buffer=5368709120",
        "rocksdb:/a?compression=snappy", "rocksdb:/a?compression=LZ4",
        "rocksdb:/a?threads=0", "rocksdb:/a?threads=65",
        "rocksdb:/a?max-open-files=15", "rocksdb:/a?recovery=lax",
        "rocksdb:/a?shared=yes"}) {
    CAPTURE(str);
    auto config = parse_rocks_config(*uri::parse(str));
    REQUIRE(!config);
    CHECK(config.error() == errc::invalid_argument);
  }
}

TEST_CASE("opening a rocksdb store that is not there creates nothing") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  CHECK(code_of(detail::open_rocks_store(config)) == errc::not_found);
  CHECK(detail::rocks_store_exists(config) == false);
  CHECK(detail::destroy_rocks_store(config).error() == errc::not_found);
  CHECK(fs::is_empty(tmp.path()));
}

TEST_CASE("a rocksdb store keeps everything over reopening") {
  temp_dir tmp;
  auto config = config_for(tmp / "deep/store");
  auto small = blob(1, "small");
  auto large = blob(2, std::string(700'000, 'x'));
  {
    auto store = create(config);
    REQUIRE(commit_one(*store, put("a", small)));
    REQUIRE(commit_one(*store, put("b", large)));
    REQUIRE(commit_one(*store, put("", small)));
    REQUIRE(commit_one(*store, put("gone", large)));
    REQUIRE(commit_one(*store, erase("gone")));
  }
  for (int i = 0; i < 2; ++i) {
    auto store = open(config);
    CHECK(keys(*store) == std::vector<std::string>{"", "a", "b"});
    CHECK(get(*store, "") == *small);
    CHECK(get(*store, "a") == *small);
    CHECK(get(*store, "b") == *large);
  }
}

TEST_CASE("views of blobs outlive their rocksdb store") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto content = blob(1, std::string(100'000, 'x'));
  auto store = create(config);
  REQUIRE(commit_one(*store, put("a", content)));
  REQUIRE(commit_one(*store, put("b", content)));
  store = nullptr;
  store = open(config); // what is read comes from the cache of blocks
  auto all = read_one(*store, {"a", blob_part::all, 0, 0, {}});
  auto head = read_one(*store, {"b", blob_part::header, 0, 0, {}});
  store = nullptr;
  store = open(config); // nobody holds the database any more
  store = nullptr;
  REQUIRE((all && *all));
  CHECK(to_bytes((*all)->data) == *content);
  REQUIRE((head && *head));
  CHECK(to_bytes((*head)->data)
        == to_bytes(bytes_view{*content}.first(header::max_size)));
}

TEST_CASE("directories with other content do not become rocksdb stores") {
  temp_dir tmp;
  auto config = config_for(tmp / "dir");
  SECTION("a file") {
    write_file(tmp / "dir/notes.txt", "mine");
    auto created = detail::create_rocks_store(config);
    CHECK(code_of(created) == errc::invalid_argument);
    CHECK(message_of(created).find("notes.txt") != std::string::npos);
    CHECK(code_of(detail::open_rocks_store(config)) == errc::not_found);
    CHECK(file_tools::files_below(tmp / "dir")
          == std::vector<std::string>{"notes.txt"});
  }
  SECTION("a database of another program") {
    foreign_database(tmp / "dir");
    CHECK(code_of(detail::create_rocks_store(config))
          == errc::invalid_argument);
    auto opened = detail::open_rocks_store(config);
    CHECK(code_of(opened) == errc::not_found);
    CHECK(message_of(opened).find("not a larder store") != std::string::npos);
    CHECK(detail::rocks_store_exists(config) == false);
    CHECK(detail::destroy_rocks_store(config).error() == errc::not_found);
    std::string value;
    CHECK(foreign_database(tmp / "dir")->Get({}, "theirs", &value).ok());
  }
  SECTION("a file store") {
    file_tools::create(file_tools::config_for(tmp / "dir"));
    CHECK(code_of(detail::create_rocks_store(config))
          == errc::invalid_argument);
    CHECK(code_of(detail::open_rocks_store(config)) == errc::not_found);
  }
  SECTION("no directory at all") {
    write_file(tmp / "dir", "a file");
    CHECK(!detail::create_rocks_store(config));
    CHECK(code_of(detail::open_rocks_store(config)) == errc::not_found);
    CHECK(slurp(tmp / "dir") == "a file");
  }
}

TEST_CASE("an interrupted creation of a rocksdb store can be repeated") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  create(config);
  fs::rename(tmp / "store/larder-rocksdb", tmp / "store/larder-rocksdb.new");
  SECTION("with the database") {}
  SECTION("with half of it") {
    fs::remove(tmp / "store/CURRENT");
  }
  CHECK(detail::rocks_store_exists(config) == false);
  CHECK(code_of(detail::open_rocks_store(config)) == errc::not_found);
  auto store = create(config);
  REQUIRE(commit_one(*store, put("a", blob(1, "x"))));
  store = nullptr;
  CHECK(keys(*open(config)) == std::vector<std::string>{"a"});
}

TEST_CASE("destroying a rocksdb store leaves what is not its own") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto store = create(config);
  REQUIRE(commit_one(*store, put("a", blob(1, "x"))));
  CHECK(detail::destroy_rocks_store(config).error() == errc::locked);
  CHECK(get(*store, "a"));
  store = nullptr;
  SECTION("all goes") {
    REQUIRE(detail::destroy_rocks_store(config));
    CHECK(fs::is_empty(tmp.path()));
  }
  SECTION("an interrupted destruction can be repeated") {
    fs::rename(tmp / "store/larder-rocksdb",
               tmp / "store/larder-rocksdb.destroyed");
    CHECK(detail::rocks_store_exists(config) == false);
    CHECK(code_of(detail::open_rocks_store(config)) == errc::not_found);
    CHECK(code_of(detail::create_rocks_store(config))
          == errc::invalid_argument);
    REQUIRE(detail::destroy_rocks_store(config));
    CHECK(fs::is_empty(tmp.path()));
  }
  SECTION("a foreign file stays") {
    write_file(tmp / "store/notes.txt", "mine");
    auto destroyed = detail::destroy_rocks_store(config);
    REQUIRE(!destroyed);
    CHECK(destroyed.error() == errc::io_error);
    CHECK(destroyed.error().message().find("notes.txt") != std::string::npos);
    CHECK(file_tools::files_below(tmp / "store")
          == std::vector<std::string>{"notes.txt"});
    CHECK(detail::rocks_store_exists(config) == false);
  }
}

TEST_CASE("a rocksdb store is open once only") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  SECTION("by larder") {
    auto store = create(config);
    auto again = detail::open_rocks_store(config);
    CHECK(code_of(again) == errc::locked);
    CHECK(message_of(again).find(tmp / "store") != std::string::npos);
    CHECK(code_of(detail::create_rocks_store(config)) == errc::already_exists);
    store = nullptr;
    CHECK(detail::open_rocks_store(config));
  }
  SECTION("by another program that knows RocksDB") {
    create(config);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* ptr = nullptr;
    REQUIRE(rocksdb::DB::Open(rocksdb::DBOptions{}, tmp / "store",
                              {{"default", {}}, {"heads", {}}, {"chunks", {}}},
                              &handles, &ptr)
              .ok());
    std::unique_ptr<rocksdb::DB> db{ptr};
    CHECK(code_of(detail::open_rocks_store(config)) == errc::locked);
    for (auto* x : handles)
      db->DestroyColumnFamilyHandle(x);
    db = nullptr;
    CHECK(detail::open_rocks_store(config));
  }
}

TEST_CASE("a damaged rocksdb store is not opened") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  create(config);
  auto expected_code = errc::corruption;
  SECTION("its identity") {
    write_file(tmp / "store/larder-rocksdb", "larder rocksdb store\n");
  }
  SECTION("its identity is of a later version") {
    auto text = slurp(tmp / "store/larder-rocksdb");
    text.replace(text.find("format 1"), 8, "format 2");
    write_file(tmp / "store/larder-rocksdb", text);
    expected_code = errc::unsupported;
  }
  SECTION("its database is gone") {
    fs::remove(tmp / "store/CURRENT");
  }
  SECTION("its manifest is overwritten") {
    for (auto& x : fs::directory_iterator{tmp / "store"})
      if (x.path().filename().string().starts_with("MANIFEST"))
        write_file(x.path().string(), std::string(4096, 'x'));
  }
  SECTION("its lock file is gone") {
    fs::remove(tmp / "store/lock");
  }
  SECTION("its database has other families") {
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* ptr = nullptr;
    REQUIRE(rocksdb::DB::Open(rocksdb::DBOptions{}, tmp / "store",
                              {{"default", {}}, {"heads", {}}, {"chunks", {}}},
                              &handles, &ptr)
              .ok());
    std::unique_ptr<rocksdb::DB> db{ptr};
    rocksdb::ColumnFamilyHandle* other = nullptr;
    REQUIRE(db->CreateColumnFamily({}, "other", &other).ok());
    handles.push_back(other);
    for (auto* x : handles)
      db->DestroyColumnFamilyHandle(x);
  }
  CHECK(code_of(detail::open_rocks_store(config)) == expected_code);
}

TEST_CASE("a rocksdb store tells figures") {
  temp_dir tmp;
  auto store = create(config_for(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", blob(1, "x"))));
  auto staged = store->stage("b", 64);
  std::map<std::string, uint64_t> figures;
  for (auto& x : store->figures())
    figures[x.name] = x.amount;
  CHECK(figures["stages"] == 1);
  CHECK(figures["estimated-keys"] == 1);
  CHECK(figures["memtable-bytes"] > 0);
  CHECK(figures["free-bytes"] > 0);
  CHECK(figures["background-errors-total"] == 0);
}
