// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Directories that others have made to surprise.

#include "backends/konserve/old_layouts.hpp"

#include "larder/detail/konserve/window.hpp"

#include <sys/stat.h>

using namespace larder;
using namespace larder::test;

namespace fs = std::filesystem;

namespace {

/// What can have a name without being a regular file.
enum class oddity { fifo, directory, link };

void make_oddity(oddity what, const temp_dir& dir, const std::string& name) {
  auto path = dir / name;
  if (what == oddity::fifo)
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  else if (what == oddity::directory)
    fs::create_directory(path);
  else
    fs::create_symlink("elsewhere", path);
}

/// Changes the first place where `from` stands in a file.
void replace_in_file(const std::string& path, std::string_view from,
                     std::string_view to) {
  auto data = read_sample(path);
  auto at = as_chars(data).find(from);
  REQUIRE(at != std::string_view::npos);
  std::ranges::copy(as_bytes(to), data.begin() + static_cast<ptrdiff_t>(at));
  write_file(path, data);
}

} // namespace

TEST_CASE("what has a value's name but is no file is neither read nor removed",
          "[konserve]") {
  auto what = GENERATE(oddity::fifo, oddity::directory, oddity::link);
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("a");
  store.must_put(key, 1);
  fs::rename(dir / file_of(key), dir / "elsewhere");
  make_oddity(what, dir, file_of(key));
  auto found = store.read(key);
  REQUIRE_FALSE(found);
  CHECK(found.error() == errc::io_error);
  CHECK(found.error().message().find("no regular file") != std::string::npos);
  CHECK(code_of(store.put(key, 2)) == "io_error");
  CHECK(code_of(store.erase(key)) == "io_error");
  CHECK(store.list().empty());
  CHECK(names_in(dir.path())
        == std::set{file_of(key), std::string{"elsewhere"}});
}

TEST_CASE("what has an old value's name but is no file is not moved",
          "[konserve]") {
  auto what = GENERATE(oddity::fifo, oddity::directory);
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {{"migrate", "yes"}});
  auto key = kw("a");
  make_oddity(what, dir, id_of(key));
  CHECK_FALSE(*store.read(key));
  CHECK(store.list().empty());
  store.must_put(key, 1);
  CHECK(store.get(key).content == value{1});
}

TEST_CASE("sizes that headers claim are checked before memory is asked for",
          "[konserve]") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  store.must_put(kw("good"), 1);
  auto key = kw("huge");
  auto path = dir / file_of(key);
  SECTION("of metadata") {
    bytes head(20);
    head[0] = head[1] = std::byte{1};
    store_big_endian(head.data() + 4, uint32_t{0xF0000000});
    write_file(path, head);
    fs::resize_file(path, uint64_t{0xF0000000} + 100);
    CHECK(store.list().size() == 2);
  }
  SECTION("of values") {
    store.must_put(key, 1);
    fs::resize_file(path, uint64_t{1} << 40);
  }
  CHECK(code_of(store.find(key)) == "limit_exceeded");
  CHECK(store.erase(key)->existed);
}

TEST_CASE("a listing with a prefix is not told of other keys that it moves",
          "[konserve]") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {{"migrate", "yes"}});
  write_old(dir.path(), old_layout::v1, kw("x/a"), 1);
  write_old(dir.path(), old_layout::v2, kw("y/a"), 2);
  write_old(dir.path(), old_layout::v2_binary, kw("y/b"),
            value{to_bytes("bytes")});
  auto name = encoded(kw("x/a"));
  auto found = store.list(blob_part::metadata, name);
  REQUIRE(found.size() == 1);
  CHECK(found[0].blob);
  CHECK(found[0].key == name);
  CHECK(store.list().size() == 3);
}

TEST_CASE("a cursor of another process does not skip keys", "[konserve]") {
  namespace ksv = detail::ksv;
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  for (int i = 0; i < 9; ++i)
    store.must_put(i, i);
  detail::file_ops ops;
  ksv::window_cache cache;
  auto get = [&](uint64_t number, const std::optional<ksv::file_id>& after) {
    return *cache.get(ops, dir.path(), number, after);
  };
  auto all = get(0, std::nullopt);
  REQUIRE(all->files.size() == 9);
  auto late = get(0, all->files[5]);
  REQUIRE(late->files.size() == 3);
  // The same number, given by one who listed more often.
  auto early = get(late->number, all->files[1]);
  CHECK(early->files.size() == 7);
  CHECK(get(late->number, all->files[6]) == late);
  CHECK(get(all->number, all->files[6]) == all);
}

TEST_CASE("a key file that cannot be read is an error", "[konserve]") {
  temp_dir dir;
  auto opened = konserve_engine().create(
    konserve_uri(dir / "x", {{"key-file", dir.path()}}));
  CHECK(code_of(opened) == "io_error");
  write_file(dir / "large", bytes(5000));
  opened = konserve_engine().create(
    konserve_uri(dir / "x", {{"key-file", dir / "large"}}));
  CHECK(code_of(opened) == "invalid_argument");
}

TEST_CASE("keys of a directory that was moved away are not called missing",
          "[konserve]") {
  temp_dir dir;
  auto store = konserve_store::open(dir / "x");
  store.must_put(kw("a"), 1);
  fs::rename(dir / "x", dir / "y");
  auto check_refused = [&] {
    auto found = store.read(kw("a"));
    REQUIRE_FALSE(found);
    CHECK(found.error() == errc::io_error);
    CHECK(found.error().message().find("moved") != std::string::npos);
    CHECK(code_of(store.put(kw("a"), 2)) == "io_error");
    CHECK(code_of(store.erase(kw("a"))) == "io_error");
    CHECK(code_of(store.engine().list({})) == "io_error");
  };
  check_refused();
  auto other = konserve_store::open(dir / "x");
  other.must_put(kw("b"), 3);
  check_refused();
  CHECK(names_in(dir / "x") == std::set{file_of(kw("b"))});
  fs::rename(dir / "x", dir / "z");
  fs::rename(dir / "y", dir / "x");
  CHECK(store.get(kw("a")).content == value{1});
  store.must_put(kw("a"), 2);
}

TEST_CASE("a key that was damaged in its own file is not called missing",
          "[konserve]") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto key = kw("precious");
  SECTION("of a value") {
    store.must_put(key, 1);
  }
  SECTION("of a log") {
    auto log = edn("{:log #uuid \"00000000-0000-0000-0000-00000000000a\""
                   " :begin 0 :end 1 :first 0 :next 0 :tail [1]}");
    REQUIRE(store.put(store.meta_of(key, content_type::append_log), log));
  }
  replace_in_file(dir / file_of(key), "precious", "qrecious");
  CHECK(code_of(store.read(key)) == "corruption");
  CHECK(code_of(store.put(key, 2, precondition::absent()))
        == "precondition_failed");
  auto all = store.list();
  REQUIRE(all.size() == 1);
  CHECK(all[0].blob.error() == errc::corruption);
  store.must_put(key, 2);
  CHECK(store.get(key).content == value{2});
}

TEST_CASE("a wrong key that seems to fit replaces nothing", "[konserve]") {
  temp_dir dir;
  auto open = [&](const std::string& key) {
    return konserve_store::open(
      dir.path(), {{"key", key}, {"encryptor", "aes-cbc"}, {"legacy", "yes"}});
  };
  auto key = kw("a");
  open("right").must_put(key, 1);
  // One in 256 gets through the padding.
  for (auto i = 0; i < 2000; ++i) {
    auto store = open("wrong " + std::to_string(i));
    REQUIRE(code_of(store.put(key, 2)) == "authentication_failed");
  }
  CHECK(open("right").get(key).content == value{1});
}
