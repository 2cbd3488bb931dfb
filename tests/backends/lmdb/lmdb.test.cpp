// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "lmdb_tools.hpp"

#include <sys/stat.h>

using namespace lmdb_tools;

namespace {

void expect_open_error(const std::string& dir, errc code,
                       const std::string& hint) {
  auto result = the_engine().open(at(dir));
  REQUIRE(!result);
  CHECK(result.error() == code);
  CHECK_THAT(result.error().message(), Catch::Contains(hint));
}

/// Overwrites bytes of a file in place.
void scribble(const std::string& path, std::streamoff offset,
              std::string_view bytes) {
  std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
  file.seekp(offset);
  file << bytes;
}

/// Makes an LMDB file as another program would.
void make_foreign_lmdb(const std::string& path) {
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0666) == 0);
  MDB_txn* txn = nullptr;
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  MDB_dbi dbi = 0;
  REQUIRE(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
  MDB_val x{3, const_cast<char*>("abc")};
  REQUIRE(mdb_put(txn, dbi, &x, &x, 0) == 0);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

} // namespace

TEST_CASE("an LMDB store opened twice in a process is one store") {
  temp_dir tmp;
  auto one = create(at(tmp / "store"));
  std::filesystem::create_directory_symlink(tmp / "store", tmp / "other");
  auto two = open(at(tmp / "other"));
  CHECK(one->id() == two->id());
  REQUIRE(commit_one(*one, put("a", filled(1, 10))));
  CHECK(get(*two, "a") == *filled(1, 10));
  auto stale
    = put("a", filled(3, 10), precondition::matches(file_tools::rev(2)));
  CHECK(commit_one(*two, stale).error() == errc::precondition_failed);
  one.reset();
  REQUIRE(commit_one(*two, put("b", filled(2, 10))));
  CHECK(the_engine().destroy(at(tmp / "store")).error() == errc::locked);
  two.reset();
  CHECK(file_tools::keys(*open(at(tmp / "store"))).size() == 2);
  CHECK(the_engine().destroy(at(tmp / "store")));
  CHECK(!std::filesystem::exists(tmp / "store"));
}

TEST_CASE("a data file of LMDB with several names, or none of its own, is "
          "refused") {
  temp_dir tmp;
  create(at(tmp / "store"));
  auto path = tmp / "store/larder.mdb";
  auto other = tmp / "other/larder.mdb";
  std::filesystem::create_directory(tmp / "other");
  std::filesystem::create_symlink(path, other);
  expect_open_error(tmp / "other", errc::invalid_argument, "symbolic link");
  open(at(tmp / "store"));
  std::filesystem::remove(other);
  std::filesystem::create_hard_link(path, other);
  for (auto dir : {"store", "other"})
    expect_open_error(tmp / dir, errc::invalid_argument, "hard link");
  std::filesystem::remove(other);
  open(at(tmp / "store"));
  REQUIRE(::mkfifo(other.c_str(), 0600) == 0);
  expect_open_error(tmp / "other", errc::invalid_argument, "not a file");
  std::filesystem::remove(other);
  std::filesystem::create_directory(other);
  expect_open_error(tmp / "other", errc::invalid_argument, "not a file");
  CHECK(file_tools::files_below(tmp / "other").empty()); // no traces
}

TEST_CASE("options of an LMDB store are checked") {
  temp_dir tmp;
  auto x = at(tmp / "store", {{"sync", "perhaps"}});
  CHECK(the_engine().create(x).error() == errc::invalid_argument);
  x.options = {{"max-size", "1000"}};
  CHECK(the_engine().create(x).error() == errc::invalid_argument);
  x.options = {};
  x.authority = "host";
  CHECK(the_engine().create(x).error() == errc::invalid_argument);
  CHECK(the_engine().create(at("")).error() == errc::invalid_argument);
  CHECK(!std::filesystem::exists(tmp / "store"));
  CHECK(create(at(tmp / "store"))->caps().durable);
  CHECK(!open(fast(tmp / "store"))->caps().durable);
  CHECK(open(at(tmp / "store"))->name() == "lmdb:" + tmp / "store");
}

TEST_CASE("an LMDB store is not made where other files are") {
  temp_dir tmp;
  file_tools::write_file(tmp / "dir/data.mdb", "something");
  auto refused = the_engine().create(at(tmp / "dir"));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK_THAT(refused.error().message(), Catch::Contains("data.mdb"));
  CHECK(file_tools::files_below(tmp / "dir").size() == 1);
  expect_open_error(tmp / "dir", errc::not_found, "no store");
  CHECK(file_tools::files_below(tmp / "dir").size() == 1);
  file_tools::write_file(tmp / "file", "something");
  CHECK(the_engine().create(at(tmp / "file")).error()
        == errc::invalid_argument);
}

TEST_CASE("what an interrupted creation of an LMDB store left is removed") {
  temp_dir tmp;
  for (auto name : {"larder.mdb.new", "larder.mdb.new-lock", "larder.lock"})
    file_tools::write_file(tmp / "store/" + name, "half");
  CHECK(the_engine().exists(at(tmp / "store")) == false);
  create(at(tmp / "store"));
  CHECK(file_tools::files_below(tmp / "store")
        == std::vector<std::string>{"larder.lock", "larder.mdb",
                                    "larder.mdb-lock"});
}

TEST_CASE("destroying an LMDB store spares and names foreign files") {
  temp_dir tmp;
  create(at(tmp / "store"));
  file_tools::write_file(tmp / "store/notes.txt", "mine");
  auto result = the_engine().destroy(at(tmp / "store"));
  REQUIRE(!result);
  CHECK_THAT(result.error().message(), Catch::Contains("notes.txt"));
  CHECK(file_tools::files_below(tmp / "store")
        == std::vector<std::string>{"notes.txt"});
  CHECK(the_engine().exists(at(tmp / "store")) == false);
}

TEST_CASE("an LMDB file of another program is refused") {
  temp_dir tmp;
  create(at(tmp / "store"));
  std::filesystem::remove(tmp / "store/larder.mdb");
  std::filesystem::remove(tmp / "store/larder.mdb-lock");
  make_foreign_lmdb(tmp / "store/larder.mdb");
  std::filesystem::resize_file(tmp / "store/larder.mdb", 1 << 20);
  expect_open_error(tmp / "store", errc::invalid_argument, "another program");
  auto destroyed = the_engine().destroy(at(tmp / "store"));
  REQUIRE(!destroyed);
  CHECK(destroyed.error() == errc::invalid_argument);
  CHECK_THAT(destroyed.error().message(), Catch::Contains("another program"));
  file_tools::write_file(tmp / "store/larder.mdb", "notes on my larder");
  CHECK(the_engine().destroy(at(tmp / "store")).error() == errc::corruption);
  CHECK(file_tools::slurp(tmp / "store/larder.mdb") == "notes on my larder");
}

TEST_CASE("a data file that was cut off anywhere is told from a whole one") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  for (uint8_t i = 0; i < 100; ++i)
    REQUIRE(
      commit_one(*store, put("key" + std::to_string(i), filled(i, 10'000))));
  auto used = figure(*store, "used-bytes") + figure(*store, "reusable-bytes");
  store.reset();
  auto path = tmp / "store/larder.mdb";
  std::filesystem::resize_file(path, used); // but for holes
  CHECK(file_tools::keys(*open(at(tmp / "store"))).size() == 100);
  for (auto size : {used - 1, used - 4096, used / 2, uint64_t{8192},
                    uint64_t{5000}, uint64_t{100}, uint64_t{10}, uint64_t{0}}) {
    CAPTURE(size);
    std::filesystem::resize_file(path, size);
    expect_open_error(tmp / "store", errc::corruption, "cut off");
    CHECK(std::filesystem::file_size(path) == size);
  }
}

TEST_CASE("a data file with a damaged first page is refused as corruption") {
  temp_dir tmp;
  auto path = tmp / "store/larder.mdb";
  struct damage {
    std::streamoff offset;
    std::string bytes;
  };
  using namespace std::literals;
  for (auto& x :
       {damage{16, "garbage!"}, damage{20, "\x07\0\0\0"s},
        damage{40, "\0\0\0\0"s}, damage{40, "\x01\x10\0\0"s},
        damage{40, "\xFF\xFF\xFF\xFF"s}, damage{4112, "garbage!"},
        // sizes of the map, and numbers of the last page
        damage{32, "\0\0\0\0\0\0\0\x40"s}, damage{32, "garbage!"},
        damage{136, "\0\0\0\0\0\0\x02\0"s}, damage{136, "garbage!"}}) {
    CAPTURE(x.offset);
    create(at(tmp / "store"));
    scribble(path, x.offset, x.bytes);
    if (x.offset == 32 || x.offset == 136)
      scribble(path, 4096 + x.offset, x.bytes); // LMDB takes the newer one
    expect_open_error(tmp / "store", errc::corruption, "larder.mdb");
    std::filesystem::remove_all(tmp / "store");
  }
}

TEST_CASE("an LMDB store of a later format is refused as unsupported") {
  temp_dir tmp;
  create(at(tmp / "store"));
  auto content = file_tools::slurp(tmp / "store/larder.mdb");
  auto name = content.find("larder lmdb store");
  REQUIRE(name != std::string::npos);
  scribble(tmp / "store/larder.mdb",
           std::streamoff(name + sizeof("larder lmdb store") - 1), "\x02");
  expect_open_error(tmp / "store", errc::unsupported, "format 2");
  CHECK(the_engine().destroy(at(tmp / "store")));
}

TEST_CASE("a damaged record fails its own key and can be replaced") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("good", filled(1, 10))));
  REQUIRE(commit_one(*store, put("the bad one", filled(2, 10))));
  store.reset();
  auto path = tmp / "store/larder.mdb";
  auto content = file_tools::slurp(path);
  for (auto i = content.find("the bad one"); i != std::string::npos;
       i = content.find("the bad one", i + 1))
    scribble(path, std::streamoff(i + sizeof("the bad one") - 1), "\x77");
  store = open(fast(tmp / "store"));
  CHECK(get(*store, "good"));
  read_request request;
  request.key = "the bad one";
  CHECK(read_one(*store, request).error() == errc::corruption);
  auto page = store->list({});
  REQUIRE(page);
  REQUIRE(page->entries.size() == 2);
  CHECK(page->entries[0].blob);
  CHECK(page->entries[1].blob.error() == errc::corruption);
  auto conditional = put("the bad one", filled(3, 10),
                         precondition::matches(file_tools::rev(2)));
  CHECK(commit_one(*store, conditional).error() == errc::corruption);
  REQUIRE(commit_one(*store, put("the bad one", filled(3, 10))));
  CHECK(get(*store, "the bad one") == *filled(3, 10));
}

TEST_CASE("a damaged record that leads to chunks of another key spares them") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, 300'000))));
  REQUIRE(commit_one(*store, put("b", filled(2, 600'000))));
  REQUIRE(commit_one(*store, put("c", filled(3, 100'000))));
  store.reset();
  edit(tmp / "store", [](MDB_txn* txn, MDB_dbi dbi) {
    // All have the generation of "a".
    std::string record = raw_value(txn, dbi,
                                   "\x10"
                                   "a");
    for (std::string key : {"\x10"
                            "b",
                            "\x10"
                            "c"}) {
      auto damaged = raw_value(txn, dbi, key);
      std::copy_n(record.begin() + 9, 8, damaged.begin() + 9);
      put_raw(txn, dbi, key, damaged);
    }
  });
  store = open(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("b", filled(4, 600'000))));
  REQUIRE(commit_one(*store, erase("c")));
  CHECK(get(*store, "a") == *filled(1, 300'000));
  CHECK(get(*store, "b") == *filled(4, 600'000));
}

TEST_CASE("what is left of a blob with a missing chunk goes with its record") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, 1'000'000))));
  store.reset();
  edit(tmp / "store", [](MDB_txn* txn, MDB_dbi dbi) {
    std::string second{"\x30\0\0\0\0\0\0\0\1\0\0\0\1", 13};
    MDB_val key{second.size(), second.data()};
    REQUIRE(mdb_del(txn, dbi, &key, nullptr) == 0);
  });
  store = open(fast(tmp / "store"));
  read_request request;
  request.key = "a";
  CHECK(read_one(*store, request).error() == errc::corruption);
  CHECK(figure(*store, "used-bytes") > 500'000);
  REQUIRE(commit_one(*store, put("a", filled(2, 10))));
  CHECK(figure(*store, "used-bytes") < 100'000);
}

TEST_CASE("an LMDB store declares and obeys a greatest size of blobs") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  auto most = store->caps().max_blob_size;
  CHECK(most == uint64_t{262'128} << 32);
  auto staged = std::move(*store->stage("key", 100));
  std::byte first{1};
  // Refused before it is looked at.
  auto refused = staged->append({&first, most - 99});
  REQUIRE(!refused);
  CHECK(refused.error() == errc::limit_exceeded);
  REQUIRE(staged->append({&first, 1}));
  CHECK(staged->append({&first, most - 100}).error() == errc::limit_exceeded);
  CHECK(store->stage("key", uint64_t{1} << 32).error() == errc::limit_exceeded);
}

TEST_CASE("a mutation that meets damage fails its group and no other") {
  temp_dir tmp;
  create(fast(tmp / "store"));
  // The link to the keys that begin with these bytes.
  std::string start(500, 'd');
  edit(tmp / "store", [&](MDB_txn* txn, MDB_dbi dbi) {
    put_raw(txn, dbi, "\x10" + start + std::string(1, '\0'), "damaged");
  });
  auto damaged = start + "amaged";
  auto store = open(fast(tmp / "store"));
  auto blob = filled(1, 10);
  std::vector<mutation> batch{put("a", blob), put(damaged, blob),
                              put("e", blob)};
  auto outcomes = store->commit(batch);
  CHECK(outcomes[0]);
  CHECK(outcomes[1].error() == errc::corruption);
  CHECK(outcomes[2]);
  batch = {put("b", blob),     {"c", blob, {}, 1}, {damaged, blob, {}, 1},
           {"f", blob, {}, 1}, {"g", blob, {}, 2}, {"h", blob, {}, 2}};
  outcomes = store->commit(batch);
  CHECK(outcomes[0]);
  CHECK(outcomes[1].error() == errc::conflict);
  CHECK(outcomes[2].error() == errc::corruption);
  CHECK(outcomes[3].error() == errc::conflict);
  CHECK(outcomes[4]);
  CHECK(outcomes[5]);
  for (auto key : {"a", "b", "e", "g", "h"})
    CHECK(get(*store, key) == *blob);
  for (auto key : {"c", "f"})
    CHECK(!get(*store, key));
}

TEST_CASE("a mutation that does not fit an LMDB store fails its group and no "
          "other") {
  temp_dir tmp;
  auto limited = fast(tmp / "store");
  limited.options["max-size"] = "1048576";
  auto store = create(limited);
  auto small = filled(1, 10);
  auto large = filled(2, 20 << 20);
  REQUIRE(commit_one(*store, put("old", small)));
  std::shared_ptr<staged_blob> staged = std::move(*store->stage("h", 0));
  REQUIRE(staged->append(*small));
  std::vector<mutation> batch{
    put("a", small),
    put("b", large),
    erase("old"),
    put("c", small, precondition::matches(file_tools::rev(1))),
    {"d", small, {}, 1},
    {"e", large, {}, 1},
    {"f", small, {}, 2},
    {"g", small, {}, 2},
    {"h", staged, {}, 3},
    {"i", large, {}, 3}};
  auto outcomes = store->commit(batch);
  for (size_t i : {0, 2, 6, 7})
    CHECK(outcomes[i]);
  for (size_t i : {1, 4, 5, 8, 9})
    CHECK(outcomes[i].error() == errc::limit_exceeded);
  CHECK(outcomes[3].error() == errc::precondition_failed);
  CHECK(file_tools::keys(*store).size() == 3);
  CHECK(commit_one(*store, {"h", staged, {}}));
  CHECK(get(*store, "h") == *small);
}
