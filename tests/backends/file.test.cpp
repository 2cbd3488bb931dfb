// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/file_tools.hpp"
#include "backends/watched_ops.hpp"
#include "temp_dir.hpp"

#include <algorithm>
#include <set>

using namespace file_tools;
using namespace std::literals;

namespace fs = std::filesystem;

namespace {

using call = watched_ops::call;

std::vector<std::string> many_keys(size_t count) {
  std::vector<std::string> result;
  for (size_t i = 0; i < count; ++i)
    result.push_back("\"key-" + std::to_string(i));
  return result;
}

/// Puts all keys in one batch.
void put_all(backend& store, const std::vector<std::string>& names) {
  std::vector<mutation> batch;
  for (auto& key : names)
    batch.push_back(put(key, blob(1, key)));
  for (auto& x : store.commit(batch))
    REQUIRE(x);
}

} // namespace

// -- content ------------------------------------------------------------------

TEST_CASE("a blob is a file of exactly its bytes that people can find") {
  temp_dir tmp;
  auto dir = tmp / "store";
  auto store = create(config_for(dir));
  REQUIRE(commit_one(*store, put("\"user:42", blob(1, "hello"))));
  CHECK(slurp(file_of(dir, "\"user:42")) == as_chars(*blob(1, "hello")));
  CHECK(file_of(dir, "\"user:42").ends_with("/user%3A42.str"));
}

TEST_CASE("hostile and very long keys keep their blobs apart, also reopened") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto store = create(config);
  std::vector<std::string> names{"",
                                 "\"",
                                 "\"../x",
                                 "../../x",
                                 "/",
                                 "\"/",
                                 "\0"s,
                                 "\"a\0b"s,
                                 "\".",
                                 "..",
                                 "\"lock",
                                 "\"" + std::string(5000, 'x'),
                                 "\"" + std::string(5000, 'x') + "y",
                                 std::string(5000, 'x'),
                                 std::string(65536, '\n')};
  for (auto& key : names)
    REQUIRE(commit_one(*store, put(key, blob(1, "value of " + key))));
  store.reset();
  store = open(config);
  for (auto& key : names) {
    CAPTURE(key.substr(0, 50), key.size());
    CHECK(get(*store, key) == *blob(1, "value of " + key));
  }
  std::sort(names.begin(), names.end());
  CHECK(keys(*store) == names);
  for (auto& x : list_all(*store)) {
    REQUIRE(x.blob);
    CHECK(x.blob->blob_size == blob(1, "value of " + x.key)->size());
  }
  CHECK(files_below(tmp.path().string()).size() == names.size() + 2);
  for (auto& key : names) {
    auto erased = commit_one(*store, erase(key));
    REQUIRE(erased);
    CHECK(erased->existed);
  }
  CHECK(keys(*store).empty());
  CHECK(files_below(config.dir)
        == std::vector<std::string>{"larder-store", "lock"});
}

TEST_CASE("parts and ranges of a long key's blob end where the blob ends") {
  temp_dir tmp;
  auto store = create(config_for(tmp / "store"));
  auto key = "\"" + std::string(1000, 'k');
  auto content = blob(1, "0123456789");
  REQUIRE(commit_one(*store, put(key, content)));
  read_request request;
  request.key = key;
  request.part = blob_part::range;
  request.offset = 70;
  request.length = 1000;
  auto range = read_one(*store, request);
  REQUIRE(range);
  REQUIRE(*range);
  CHECK(as_chars((*range)->data) == "6789");
  CHECK((*range)->blob_size == content->size());
  request.offset = 5000;
  CHECK((*read_one(*store, request))->data.empty());
  request.part = blob_part::metadata;
  CHECK(to_bytes((*read_one(*store, request))->data) == *content);
}

TEST_CASE("metadata is read without the value, in at most two reads of it") {
  temp_dir tmp;
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config_for(tmp / "store"), ops);
  for (uint32_t size : {10u, 5000u, 100000u}) {
    CAPTURE(size);
    header hdr;
    hdr.metadata_size = size;
    hdr.value_size = 1 << 20;
    bytes content;
    hdr.encode(content);
    content.resize(content.size() + size, std::byte{'m'});
    auto expected_part = content;
    content.resize(content.size() + (1 << 20), std::byte{'v'});
    auto shared = std::make_shared<const bytes>(std::move(content));
    REQUIRE(commit_one(*store, put("\"k", shared)));
    size_t reads = 0;
    ops->hook([&](call what, const std::string& path) {
      // Not the lock file, which tells of groups.
      reads += what == call::read && !path.ends_with("/lock");
      return 0;
    });
    read_request request;
    request.key = "\"k";
    request.part = blob_part::metadata;
    auto found = read_one(*store, request);
    ops->hook(nullptr);
    REQUIRE(found);
    auto data = (*found)->data;
    CHECK(reads <= 2);
    REQUIRE(data.size() >= expected_part.size());
    CHECK(data.size() <= expected_part.size() + 4096);
    CHECK(std::equal(expected_part.begin(), expected_part.end(), data.begin()));
    CHECK((*found)->blob_size == shared->size());
  }
}

TEST_CASE("a damaged file is handed out and listed as it is") {
  temp_dir tmp;
  auto dir = tmp / "store";
  auto store = create(config_for(dir));
  REQUIRE(commit_one(*store, put("\"a", blob(1, "x"))));
  fs::resize_file(file_of(dir, "\"a"), 0);
  write_file(file_of(dir, "\"b"), "rubbish");
  CHECK(get(*store, "\"a") == bytes{});
  CHECK(get(*store, "\"b") == to_bytes("rubbish"));
  list_request request;
  request.part = blob_part::metadata;
  CHECK(list_all(*store, request).size() == 2);
  // It has no revision, but can be replaced and erased.
  for (auto key : {"\"a", "\"b"}) {
    CHECK(
      commit_one(*store, put(key, blob(2, "y"), precondition::matches(rev(1))))
        .error()
      == errc::precondition_failed);
    CHECK(
      commit_one(*store, put(key, blob(2, "y"), precondition::absent())).error()
      == errc::precondition_failed);
    CHECK(commit_one(*store, put(key, blob(2, "y"))));
    CHECK(get(*store, key) == *blob(2, "y"));
  }
}

TEST_CASE("a long key's file that lost its key is reported, never hidden") {
  temp_dir tmp;
  auto dir = tmp / "store";
  auto store = create(config_for(dir));
  auto key = "\"" + std::string(1000, 'k');
  auto path = file_of(dir, key);
  auto other = "\"" + std::string(1000, 'j');
  auto damage = [&]() -> std::vector<std::string> {
    auto whole = slurp(path);
    auto last = whole;
    last.back() ^= 1;
    auto inside = whole;
    inside[whole.size() - 100] ^= 1;
    return {"",          whole.substr(1 + whole.size() / 2), last, inside,
            whole + "x", whole.substr(0, whole.size() - 1)};
  };
  REQUIRE(commit_one(*store, put(key, blob(1, "x"))));
  auto variants = damage();
  REQUIRE(commit_one(*store, put(other, blob(1, "x"))));
  variants.push_back(slurp(file_of(dir, other)));
  REQUIRE(commit_one(*store, erase(other)));
  for (auto& content : variants) {
    write_file(path, content);
    read_request request;
    request.key = key;
    CHECK(read_one(*store, request).error() == errc::corruption);
    auto entries = list_all(*store);
    REQUIRE(entries.size() == 1);
    CHECK(key.starts_with(entries[0].key));
    REQUIRE(!entries[0].blob);
    CHECK(entries[0].blob.error() == errc::corruption);
  }
  auto erased = commit_one(*store, erase(key));
  REQUIRE(erased);
  CHECK(erased->existed);
  CHECK(keys(*store).empty());
}

// -- identity and life cycle --------------------------------------------------

TEST_CASE("a file store keeps its identity in a file that people can read") {
  temp_dir tmp;
  auto config = config_for(tmp / "a/b/store");
  auto store = create(config);
  auto id = store->id();
  CHECK(slurp(config.dir + "/larder-store")
        == "larder file store\nformat 1\nid " + to_string(id) + "\n");
  CHECK(store->name() == "file:" + config.dir);
  store.reset();
  CHECK(open(config)->id() == id);
  CHECK(files_below(config.dir)
        == std::vector<std::string>{"larder-store", "lock"});
  CHECK(create(config_for(tmp / "other"))->id() != id);
}

TEST_CASE("a file store is created once and opened only if it is there") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<detail::file_ops>();
  CHECK(detail::file_store_exists(config.dir, *ops) == false);
  CHECK(detail::open_file_store(config, ops).error() == errc::not_found);
  CHECK(detail::destroy_file_store(config, ops).error() == errc::not_found);
  CHECK(!fs::exists(config.dir));
  create(config);
  CHECK(detail::file_store_exists(config.dir, *ops) == true);
  auto before = slurp(config.dir + "/larder-store");
  CHECK(detail::create_file_store(config, ops).error() == errc::already_exists);
  CHECK(slurp(config.dir + "/larder-store") == before);
}

TEST_CASE("a directory with other content does not become a store") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<detail::file_ops>();
  write_file(config.dir + "/thesis.txt", "text");
  auto result = detail::create_file_store(config, ops);
  CHECK(result.error() == errc::invalid_argument);
  CHECK(result.error().message().find("thesis.txt") != std::string::npos);
  CHECK(detail::open_file_store(config, ops).error() == errc::not_found);
  CHECK(detail::file_store_exists(config.dir, *ops) == false);
  CHECK(detail::destroy_file_store(config, ops).error() == errc::not_found);
  CHECK(files_below(config.dir) == std::vector<std::string>{"thesis.txt"});
  // A file in place of the directory, and of a parent.
  for (auto dir : {tmp / "store/thesis.txt", tmp / "store/thesis.txt/sub"}) {
    CAPTURE(dir);
    auto odd = config_for(dir);
    CHECK(!detail::create_file_store(odd, ops));
    CHECK(detail::open_file_store(odd, ops).error() == errc::not_found);
    CHECK(detail::file_store_exists(dir, *ops) == false);
    CHECK(detail::destroy_file_store(odd, ops).error() == errc::not_found);
  }
  CHECK(slurp(config.dir + "/thesis.txt") == "text");
}

TEST_CASE("an empty directory becomes a store") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  fs::create_directories(config.dir);
  auto store = create(config);
  CHECK(keys(*store).empty());
}

TEST_CASE("a damaged or later identity is refused") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  create(config);
  auto path = config.dir + "/larder-store";
  auto right = slurp(path);
  auto open_with = [&](std::string_view text) {
    write_file(path, text);
    auto ops = std::make_shared<detail::file_ops>();
    return detail::open_file_store(config, ops);
  };
  for (size_t n = 0; n < right.size(); ++n)
    CHECK(open_with(right.substr(0, n)).error() == errc::corruption);
  CHECK(open_with(right + "x").error() == errc::corruption);
  auto later = right;
  later[later.find('1')] = '2';
  CHECK(open_with(later).error() == errc::unsupported);
  CHECK(open_with(right));
  fs::remove(config.dir + "/lock");
  CHECK(open_with(right).error() == errc::corruption);
}

TEST_CASE("opening, reading and listing change nothing") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  put_all(*create(config), many_keys(20));
  auto ops = std::make_shared<watched_ops>();
  std::vector<std::string> changes;
  ops->hook([&](call what, const std::string& path) {
    std::set<call> harmless{call::open, call::read, call::stat, call::list,
                            call::lock};
    if (!harmless.contains(what))
      changes.push_back(path);
    return 0;
  });
  auto files = files_below(config.dir);
  auto store = open(config, ops);
  CHECK(keys(*store).size() == 20);
  CHECK(get(*store, "\"key-1"));
  CHECK(!get(*store, "\"nothing"));
  CHECK(!get(*store, std::string(1000, 'x')));
  CHECK(changes.empty());
  CHECK(files_below(config.dir) == files);
}

TEST_CASE("destroying removes what is the store's and names what is not") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<detail::file_ops>();
  auto names = many_keys(300);
  names.push_back(std::string(1000, 'x'));
  put_all(*create(config), names);
  REQUIRE(detail::destroy_file_store(config, ops));
  CHECK(!fs::exists(config.dir));
  put_all(*create(config), names);
  auto foreign = file_of(config.dir, "\"key-1") + ".bak";
  write_file(foreign, "mine");
  auto result = detail::destroy_file_store(config, ops);
  REQUIRE(!result);
  CHECK(result.error() == errc::io_error);
  CHECK(files_below(config.dir).size() == 1);
  CHECK(slurp(foreign) == "mine");
  CHECK(detail::file_store_exists(config.dir, *ops) == false);
}

TEST_CASE("an interrupted destruction leaves no store but can be completed") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto names = many_keys(3);
  for (size_t stop_at = 0;; ++stop_at) {
    CAPTURE(stop_at);
    put_all(*create(config), names);
    auto ops = std::make_shared<watched_ops>();
    size_t changes = 0;
    ops->hook([&](call what, const std::string&) {
      auto changing = what == call::rename || what == call::unlink
                      || what == call::remove_directory || what == call::sync;
      return changing && changes++ >= stop_at ? -EIO : 0;
    });
    auto result = detail::destroy_file_store(config, ops);
    ops->hook(nullptr);
    if (result) {
      CHECK(stop_at > 8);
      break;
    }
    CHECK(result.error() == errc::io_error);
    if (detail::file_store_exists(config.dir, *ops) == true) {
      CHECK(keys(*open(config)) == names);
    } else {
      CHECK(detail::open_file_store(config, ops).error() == errc::not_found);
      if (fs::exists(config.dir + "/larder-store.destroyed"))
        CHECK(detail::create_file_store(config, ops).error()
              == errc::invalid_argument);
    }
    auto again = detail::destroy_file_store(config, ops);
    CHECK((again || again.error() == errc::not_found));
  }
}

TEST_CASE("an interrupted creation leaves no store and does not disturb") {
  temp_dir tmp;
  for (size_t stop_at = 0;; ++stop_at) {
    CAPTURE(stop_at);
    auto config = config_for(tmp / (std::to_string(stop_at) + "/a/b"));
    auto ops = std::make_shared<watched_ops>();
    size_t calls = 0;
    auto fail_after = [&](call, const std::string&) {
      return calls++ >= stop_at ? -ENOSPC : 0;
    };
    ops->hook(fail_after);
    auto result = detail::create_file_store(config, ops);
    ops->hook(nullptr);
    if (result) {
      CHECK(stop_at > 20);
      break;
    }
    CHECK(result.error() == errc::io_error);
    if (detail::file_store_exists(config.dir, *ops) == true) {
      CHECK(keys(*open(config)).empty());
      continue;
    }
    CHECK(keys(*create(config)).empty());
    CHECK(files_below(config.dir)
          == std::vector<std::string>{"larder-store", "lock"});
  }
}

// -- other openers ------------------------------------------------------------

TEST_CASE("an exclusive opener admits nobody else and says who it is") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto exclusive = config;
  exclusive.shared = false;
  auto ops = std::make_shared<detail::file_ops>();
  auto store = create(exclusive);
  CHECK(store->caps().domain == write_domain::process);
  for (auto& other : {config, exclusive})
    CHECK(detail::open_file_store(other, ops).error() == errc::locked);
  CHECK(detail::destroy_file_store(config, ops).error() == errc::locked);
  CHECK(detail::create_file_store(config, ops).error() == errc::already_exists);
  store.reset();
  CHECK(open(config)->caps().domain == write_domain::machine);
}

TEST_CASE("a shared store is opened twice but not exclusively nor destroyed") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<detail::file_ops>();
  auto one = create(config);
  auto two = open(config);
  CHECK(one->id() == two->id());
  auto exclusive = config;
  exclusive.shared = false;
  CHECK(detail::open_file_store(exclusive, ops).error() == errc::locked);
  CHECK(detail::destroy_file_store(config, ops).error() == errc::locked);
  REQUIRE(commit_one(*one, put("\"a", blob(1, "x"), precondition::absent())));
  CHECK(
    commit_one(*two, put("\"a", blob(2, "y"), precondition::absent())).error()
    == errc::precondition_failed);
  CHECK(
    commit_one(*two, put("\"a", blob(2, "y"), precondition::matches(rev(1)))));
  CHECK(
    commit_one(*one, put("\"a", blob(3, "z"), precondition::matches(rev(1))))
      .error()
    == errc::precondition_failed);
  CHECK(get(*one, "\"a") == *blob(2, "y"));
  one.reset();
  two.reset();
  CHECK(detail::destroy_file_store(config, ops));
}

// -- litter -------------------------------------------------------------------

TEST_CASE("orphans are ignored by readers and swept by the next writer") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  put_all(*create(config), many_keys(3));
  auto orphan
    = detail::staging_name(file_of(config.dir, "\"key-1"), uuid::random());
  write_file(orphan, "half a bl");
  auto store = open(config);
  CHECK(keys(*store) == many_keys(3));
  CHECK(get(*store, "\"key-1"));
  CHECK(fs::exists(orphan));
  SECTION("a put") {
    REQUIRE(commit_one(*store, put("\"key-1", blob(2, "new"))));
  }
  SECTION("an erase") {
    REQUIRE(commit_one(*store, erase("\"key-1")));
  }
  CHECK(!fs::exists(orphan));
}

TEST_CASE("files that are not larder's are neither listed nor removed") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  put_all(*create(config), many_keys(3));
  auto blob_path = file_of(config.dir, "\"key-1");
  auto dir = blob_path.substr(0, blob_path.rfind('/'));
  std::vector<std::string> foreign{
    dir + "/notes.txt",           dir + "/.hidden",
    dir + "/draft.new",           dir + "/wrong place.str",
    dir + "/sub.str/key-1.str",   config.dir + "/README",
    config.dir + "/zz/key-1.str", blob_path + ".bak"};
  for (auto& path : foreign)
    write_file(path, "mine");
  auto store = open(config);
  CHECK(keys(*store) == many_keys(3));
  REQUIRE(commit_one(*store, put("\"key-1", blob(2, "new"))));
  for (auto& path : foreign)
    CHECK(slurp(path) == "mine");
}

TEST_CASE("a staged blob survives the sweep of other writers") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto one = create(config);
  auto staged = one->stage("\"big", 64);
  REQUIRE(staged);
  REQUIRE((*staged)->append(as_bytes("value")));
  auto two = open(config);
  REQUIRE(commit_one(*one, put("\"big", blob(1, "small"))));
  REQUIRE(commit_one(*two, put("\"big", blob(2, "small"))));
  CHECK(files_below(config.dir).size() == 4);
  auto whole = blob(3, "value");
  REQUIRE((*staged)->set_prefix(bytes_view{*whole}.first(64)));
  mutation x{"\"big", std::shared_ptr<staged_blob>{std::move(*staged)}, {}};
  REQUIRE(one->commit({&x, 1})[0]);
  CHECK(get(*two, "\"big") == *whole);
  CHECK(files_below(config.dir).size() == 3);
}

TEST_CASE("an abandoned staged blob leaves nothing") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto store = create(config);
  {
    auto staged = store->stage("\"big", 10);
    REQUIRE(staged);
    REQUIRE((*staged)->append(bytes(100000)));
    CHECK(files_below(config.dir).size() == 3);
    CHECK(keys(*store).empty());
  }
  CHECK(files_below(config.dir).size() == 2);
}

TEST_CASE("a staged blob is committed once, whole, to its own key and store") {
  temp_dir tmp;
  auto store = create(config_for(tmp / "store"));
  auto other = create(config_for(tmp / "other"));
  for (auto& key : {"\"big"s, "\"" + std::string(3000, 'k')}) {
    auto made = store->stage(key, 64);
    REQUIRE(made);
    std::shared_ptr<staged_blob> staged = std::move(*made);
    auto commit = [&](backend& to, const std::string& name) {
      mutation x{name, staged, {}};
      return std::move(to.commit({&x, 1})[0]);
    };
    REQUIRE(staged->append(as_bytes("val")));
    CHECK(commit(*store, key).error() == errc::invalid_argument);
    CHECK(staged->set_prefix(bytes(63)).error() == errc::invalid_argument);
    auto whole = blob(3, "value");
    REQUIRE(staged->set_prefix(bytes_view{*whole}.first(64)));
    CHECK(commit(*store, "\"small").error() == errc::invalid_argument);
    CHECK(commit(*other, key).error() == errc::invalid_argument);
    REQUIRE(staged->append(as_bytes("ue")));
    mutation conditional{key, staged, precondition::matches(rev(1))};
    CHECK(store->commit({&conditional, 1})[0].error()
          == errc::precondition_failed);
    CHECK(commit(*store, key));
    CHECK(get(*store, key) == *whole);
    CHECK(commit(*store, key).error() == errc::invalid_argument);
    CHECK(staged->append(bytes(1)).error() == errc::invalid_argument);
    CHECK(staged->set_prefix(bytes(64)).error() == errc::invalid_argument);
    CHECK(get(*store, key) == *whole);
  }
}

// -- listing ------------------------------------------------------------------

TEST_CASE("a listing in small pages has every key once") {
  temp_dir tmp;
  auto store = create(config_for(tmp / "store"));
  auto names = many_keys(600);
  names.push_back(":keyword");
  names.push_back("\"" + std::string(400, 'k'));
  put_all(*store, names);
  std::sort(names.begin(), names.end());
  for (size_t limit : {1, 7, 1000}) {
    list_request request;
    request.limit = limit;
    std::vector<std::string> found;
    for (auto& x : list_all(*store, request))
      found.push_back(x.key);
    std::sort(found.begin(), found.end());
    CHECK(found == names);
  }
  CHECK(keys(*store, "\"key-59").size() == 11);
  CHECK(keys(*store, "\"kk").size() == 1);
  CHECK(keys(*store, "\"" + std::string(400, 'k')).size() == 1);
  CHECK(keys(*store, "\"" + std::string(399, 'k') + "x").empty());
  CHECK(keys(*store, "\"" + std::string(401, 'k')).empty());
  CHECK(keys(*store, ":").size() == 1);
}

TEST_CASE("keys that come and go during a listing do not disturb the others") {
  temp_dir tmp;
  auto store = create(config_for(tmp / "store"));
  auto names = many_keys(300);
  put_all(*store, names);
  std::map<std::string, int> seen;
  list_request request;
  request.limit = 10;
  for (int round = 0;; ++round) {
    auto page = store->list(request);
    REQUIRE(page);
    for (auto& x : page->entries)
      ++seen[x.key];
    CHECK(page->next.find(' ') == std::string::npos);
    request.after = page->next;
    if (request.after.empty())
      break;
    auto number = std::to_string(round);
    REQUIRE(commit_one(*store, put("\"new-" + number, blob(1, "x"))));
    // The last key of the page goes: the cursor still works.
    if (round % 3 == 0 && !page->entries.empty())
      REQUIRE(commit_one(*store, erase(page->entries.back().key)));
  }
  for (auto& key : names)
    CHECK(seen[key] == 1);
  for (auto& [key, count] : seen)
    CHECK(count <= 1);
}

TEST_CASE("cursors that no page gave out are refused") {
  temp_dir tmp;
  auto store = create(config_for(tmp / "store"));
  for (auto after : {"x", "zz/", "00", "00x", "00/../x", "00/notes.txt", "/",
                     "AB/", "000/", "0 /"}) {
    CAPTURE(after);
    list_request request;
    request.after = after;
    auto page = store->list(request);
    REQUIRE(!page);
    CHECK(page.error() == errc::invalid_argument);
  }
}

// -- failures -----------------------------------------------------------------

TEST_CASE("a full disk changes nothing and leaves nothing") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config, ops);
  REQUIRE(commit_one(*store, put("\"a", blob(1, "old"))));
  auto files = files_below(config.dir);
  auto full = GENERATE(call::open, call::write, call::rename);
  ops->hook([&](call what, const std::string& path) {
    return what == full && path.ends_with(".new") ? -ENOSPC : 0;
  });
  std::vector<mutation> batch{put("\"a", blob(2, "new")),
                              put("\"b", blob(2, "new"))};
  for (auto& x : store->commit(batch)) {
    REQUIRE(!x);
    CHECK(x.error() == errc::io_error);
    CHECK(!x.error().data_loss());
    CHECK(x.error().message().find("No space left") != std::string::npos);
    CHECK(x.error().message().find(config.dir) != std::string::npos);
  }
  ops->hook(nullptr);
  CHECK(get(*store, "\"a") == *blob(1, "old"));
  CHECK(!get(*store, "\"b"));
  CHECK(files_below(config.dir) == files);
  CHECK(commit_one(*store, put("\"a", blob(2, "new"))));
}

TEST_CASE("the mutations of a batch fail or succeed each on its own") {
  temp_dir tmp;
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config_for(tmp / "store"), ops);
  auto names = many_keys(300);
  std::vector<mutation> batch;
  for (auto& key : names)
    batch.push_back(put(key, blob(1, key)));
  ops->hook([&](call what, const std::string& path) {
    auto bad = path.find("/key-7.str") != std::string::npos;
    return what == call::sync && bad ? -EIO : 0;
  });
  auto outcomes = store->commit(batch);
  ops->hook(nullptr);
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK(outcomes[i].has_value() == (i != 7));
    CHECK(get(*store, names[i]).has_value() == (i != 7));
  }
  CHECK(outcomes[7].error() == errc::io_error);
  CHECK(!outcomes[7].error().data_loss());
}

TEST_CASE("after a failed sync of a directory nothing is written there") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config, ops);
  put_all(*store, {"\"a", "\"b"});
  size_t syncs = 0;
  auto dir = fs::path{file_of(config.dir, "\"a")}.parent_path().string();
  ops->hook([&](call what, const std::string& path) {
    if (what != call::sync || path != dir)
      return 0;
    ++syncs;
    return -EIO;
  });
  auto failed = commit_one(*store, put("\"a", blob(2, "new")));
  REQUIRE(!failed);
  CHECK(failed.error() == errc::io_error);
  CHECK(failed.error().data_loss());
  for (auto& x : {put("\"a", blob(3, "newer")), erase("\"a")}) {
    auto refused = commit_one(*store, x);
    REQUIRE(!refused);
    CHECK(refused.error() == errc::io_error);
    CHECK(!refused.error().data_loss());
    CHECK(refused.error().message().find("reopen") != std::string::npos);
  }
  CHECK(syncs == 1);
  CHECK(commit_one(*store, put("\"b", blob(2, "new"))));
  CHECK(get(*store, "\"a") == *blob(2, "new"));
  store.reset();
  CHECK(commit_one(*open(config), put("\"a", blob(3, "newer"))));
}

TEST_CASE("a directory made by others is synced where it is, if allowed") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  fs::create_directory(config.dir);
  auto above = fs::path{config.dir}.parent_path().string();
  auto ops = std::make_shared<watched_ops>();
  auto fail_above = [&](watched_ops::call call, int err) {
    ops->hook([above, call, err](watched_ops::call what, const std::string& x) {
      return what == call && x == above ? err : 0;
    });
  };
  auto create_anew
    = [&] { return larder::detail::create_file_store(config, ops); };
  SECTION("a failure is one of the creation") {
    auto what = GENERATE(call::open, call::sync);
    fail_above(what, -EIO);
    auto store = create_anew();
    REQUIRE(!store);
    CHECK(store.error() == errc::io_error);
    CHECK(store.error().message().find(above) != std::string::npos);
    ops->hook(nullptr);
    CHECK(create_anew());
  }
  SECTION("who may not read what is above need not sync it") {
    fail_above(call::open, GENERATE(-EACCES, -EPERM));
    CHECK(create_anew());
  }
}

TEST_CASE("a file in place of a directory is an error that names it") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto store = create(config);
  auto dir = fs::path{file_of(config.dir, "\"a")}.parent_path().string();
  write_file(dir, "in the way");
  read_request request;
  request.key = "\"a";
  auto found = read_one(*store, request);
  REQUIRE(!found);
  CHECK(found.error() == errc::io_error);
  CHECK(found.error().message().find(dir) != std::string::npos);
  for (auto& x : {put("\"a", blob(1, "x")), erase("\"a")}) {
    auto result = commit_one(*store, x);
    REQUIRE(!result);
    CHECK(result.error() == errc::io_error);
    CHECK(!result.error().data_loss());
    CHECK(result.error().message().find(dir) != std::string::npos);
  }
  CHECK(!store->stage("\"a", 0));
  CHECK(slurp(dir) == "in the way");
}

TEST_CASE("without sync nothing is ever synced, and nothing promised") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  config.sync = false;
  auto ops = std::make_shared<watched_ops>();
  size_t syncs = 0;
  ops->hook([&](call what, const std::string&) {
    syncs += what == call::sync;
    return 0;
  });
  auto store = create(config, ops);
  CHECK(!store->caps().durable);
  put_all(*store, many_keys(10));
  REQUIRE(commit_one(*store, erase("\"key-1")));
  CHECK(syncs == 0);
  config.sync = true;
  CHECK(open(config)->caps().durable);
}

TEST_CASE("a batch syncs each file and each directory once") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config, ops);
  std::map<std::string, int> syncs;
  ops->hook([&](call what, const std::string& path) {
    if (what == call::sync)
      ++syncs[path];
    return 0;
  });
  auto names = many_keys(500);
  put_all(*store, names);
  std::set<unsigned> dirs;
  for (auto& key : names)
    dirs.insert(detail::name_of(key).dir);
  CHECK(syncs.size() == names.size() + dirs.size() + 1);
  for (auto& [path, count] : syncs)
    CHECK(count == 1);
  CHECK(syncs.contains(config.dir));
  syncs.clear();
  REQUIRE(commit_one(*store, put(names[0], blob(2, "x"))));
  CHECK(syncs.size() == 2);
}
