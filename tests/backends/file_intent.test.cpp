// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/file_tools.hpp"
#include "backends/watched_ops.hpp"
#include "temp_dir.hpp"

#include "larder/detail/file/intent.hpp"

#include <xxhash.h>

#include <atomic>
#include <set>
#include <thread>

using namespace file_tools;

using detail::decode_intent;
using detail::encode_intent;
using detail::intent;

namespace fs = std::filesystem;

namespace {

using call = watched_ops::call;

uuid some_id(uint8_t x) {
  uuid result;
  result.data.fill(std::byte{x});
  return result;
}

detail::intended_change change_of(const std::string& key,
                                  std::optional<uuid> staged = {}) {
  auto name = detail::name_of(key);
  return {name.dir, name.name, staged};
}

intent sample() {
  return {change_of("\"a", some_id(1)), change_of(":b"),
          change_of("\"" + std::string(500, 'c'), some_id(2))};
}

/// Puts the right checksum behind a record.
bytes sealed(bytes body) {
  append_big_endian(body, uint64_t{XXH3_64bits(body.data(), body.size())});
  return body;
}

bool refused(bytes_view data, const uuid& id = some_id(9)) {
  auto result = decode_intent(id, data);
  return !result && result.error() == errc::corruption;
}

void write_bytes(const std::string& path, bytes_view data) {
  write_file(path, as_chars(data));
}

} // namespace

// -- records ------------------------------------------------------------------

TEST_CASE("a record of groups tells what was to be done") {
  auto data = encode_intent(some_id(9), sample());
  REQUIRE(data);
  CHECK(decode_intent(some_id(9), *data) == sample());
  CHECK(decode_intent(some_id(9), *encode_intent(some_id(9), {})) == intent{});
}

TEST_CASE("a record of groups has the bytes that its format says") {
  auto data = encode_intent(some_id(9),
                            {change_of("\"a", some_id(1)), change_of("\"b")});
  auto dir = [](const std::string& key) {
    return detail::dir_name(detail::name_of(key).dir);
  };
  auto id = [](const std::string& digits) {
    std::string result;
    for (int i = 0; i < 16; ++i)
      result += digits;
    return result;
  };
  bytes expected;
  REQUIRE(from_hex("6c61726472475250" + id("09") + "01" + dir("\"a") + id("01")
                     + "05612e737472" + "00" + dir("\"b") + "05622e737472",
                   expected));
  CHECK(data == sealed(expected));
}

TEST_CASE("a damaged record of groups is refused") {
  auto data = *encode_intent(some_id(9), sample());
  for (size_t size = 0; size < data.size(); ++size)
    CHECK(refused(bytes_view{data}.first(size)));
  for (size_t bit = 0; bit < data.size() * 8; ++bit) {
    auto flipped = data;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK(refused(flipped));
  }
  auto longer = data;
  longer.push_back(std::byte{0});
  CHECK(refused(longer));
  CHECK(refused(data, some_id(8)));
}

TEST_CASE("a record of groups that is cut or wrong before it was sealed is "
          "refused") {
  auto data = *encode_intent(some_id(9), {change_of("\"a", some_id(1))});
  data.resize(data.size() - 8);
  CHECK(!refused(sealed(data)));
  for (size_t size = 25; size < data.size(); ++size)
    CHECK(refused(sealed({data.begin(), data.begin() + ptrdiff_t(size)})));
  data[24] = std::byte{2}; // neither put nor erase
  CHECK(refused(sealed(data)));
}

TEST_CASE("a record of groups does not lead out of the store") {
  auto dir = detail::name_of("\"a").dir;
  for (auto name : {"../lock", "../../etc/passwd", "/etc/passwd", "..", ".", "",
                    "a", "x/a.str", "larder-store", "../larder-store", "a.str/",
                    "%2e.str", "a.str.00000000000000000000000000000000.new"}) {
    CAPTURE(name);
    CHECK(refused(*encode_intent(some_id(9), {{dir, name, {}}})));
    CHECK(refused(*encode_intent(some_id(9), {{dir, name, some_id(1)}})));
  }
  CHECK(refused(*encode_intent(some_id(9), {{dir ^ 1U, "a.str", {}}})));
  CHECK(!refused(*encode_intent(some_id(9), {{dir, "a.str", {}}})));
}

TEST_CASE("a record of groups of absurd size is not written") {
  auto change = change_of("\"" + std::string(170, 'k'), some_id(1));
  intent changes((size_t{64} << 20) / 190, change);
  auto result = encode_intent(some_id(9), changes);
  REQUIRE(!result);
  CHECK(result.error() == errc::limit_exceeded);
}

// -- stores that were left with a record --------------------------------------

namespace {

/// A store with the keys a and b in which a group was interrupted.
struct interrupted {
  temp_dir tmp;
  detail::file_config config = config_for(tmp / "store");
  uuid id;
  std::string record = config.dir + "/groups";

  interrupted() {
    auto store = create(config);
    id = store->id();
    for (auto key : {"\"a", "\"b"})
      REQUIRE(commit_one(*store, put(key, blob(1, "old"))));
    auto name = detail::name_of("\"a");
    write_bytes(config.dir + "/" + detail::dir_name(name.dir) + "/"
                  + detail::staging_name(name.name, some_id(1)),
                *blob(2, "new"));
  }

  bytes complete() const {
    return *encode_intent(id, {change_of("\"a", some_id(1)), change_of("\"b")});
  }
};

} // namespace

TEST_CASE("opening carries out a complete record, as often as it is found") {
  interrupted left;
  for (int i = 0; i < 2; ++i) {
    write_bytes(left.record, left.complete());
    auto store = open(left.config);
    CHECK(get(*store, "\"a") == *blob(2, "new"));
    CHECK(!get(*store, "\"b"));
    CHECK(files_below(left.config.dir)
          == std::vector<std::string>{detail::name_of("\"a").relative(),
                                      "larder-store", "lock"});
  }
}

TEST_CASE("a record that was never final is discarded with what it tells of") {
  interrupted left;
  write_bytes(left.record + ".new", left.complete());
  auto store = open(left.config);
  CHECK(!fs::exists(left.record + ".new"));
  CHECK(get(*store, "\"a") == *blob(1, "old"));
  CHECK(get(*store, "\"b") == *blob(1, "old"));
  REQUIRE(commit_one(*store, put("\"a", blob(3, "newer"))));
  CHECK(files_below(left.config.dir).size() == 4);
}

TEST_CASE("a store with a damaged record is not opened until that is removed") {
  interrupted left;
  auto data = left.complete();
  data.back() ^= std::byte{1};
  write_bytes(left.record, data);
  auto files = files_below(left.config.dir);
  auto refused = detail::open_file_store(left.config,
                                         std::make_shared<detail::file_ops>());
  REQUIRE(!refused);
  CHECK(refused.error() == errc::corruption);
  CHECK(refused.error().message().find(left.record) != std::string::npos);
  CHECK(refused.error().message().find("remove the file") != std::string::npos);
  CHECK(files_below(left.config.dir) == files);
  fs::remove(left.record);
  CHECK(get(*open(left.config), "\"a") == *blob(1, "old"));
}

TEST_CASE("a store with a record can be destroyed") {
  interrupted left;
  write_bytes(left.record, left.complete());
  write_bytes(left.record + ".new", {});
  REQUIRE(detail::destroy_file_store(left.config,
                                     std::make_shared<detail::file_ops>()));
  CHECK(!fs::exists(left.config.dir));
}

// -- groups that cannot be finished -------------------------------------------

namespace {

/// A store with a and b whose next group fails when b is erased.
struct failing {
  temp_dir tmp;
  detail::file_config config = config_for(tmp / "store");
  std::shared_ptr<watched_ops> ops = std::make_shared<watched_ops>();
  std::unique_ptr<backend> store = create(config, ops);

  failing() {
    for (auto key : {"\"a", "\"b", "\"c"})
      REQUIRE(commit_one(*store, put(key, blob(1, "old"))));
    ops->hook([](call what, const std::string& path) {
      return what == call::unlink && path.ends_with("/b.str") ? -EIO : 0;
    });
  }

  std::vector<commit_outcome> commit() {
    std::vector<mutation> batch{put("\"a", blob(2, "new")), erase("\"b"),
                                put("\"c", blob(2, "new"))};
    batch[0].group = batch[1].group = 7;
    return store->commit(batch);
  }
};

} // namespace

TEST_CASE("a group that fails half-way is finished by whoever comes next") {
  failing x;
  auto other = open(x.config);
  auto outcomes = x.commit();
  for (size_t i : {0, 1}) {
    REQUIRE(!outcomes[i]);
    CHECK(outcomes[i].error() == errc::io_error);
    CHECK(outcomes[i].error().data_loss());
  }
  CHECK(outcomes[2]);
  CHECK(fs::exists(x.config.dir + "/groups"));
  SECTION("by a reader of another process") {
    CHECK(get(*other, "\"a") == *blob(2, "new"));
    CHECK(!get(*other, "\"b"));
  }
  SECTION("by a writer of another process") {
    CHECK(commit_one(*other,
                     put("\"a", blob(3, "x"), precondition::matches(rev(2)))));
    CHECK(!get(*other, "\"b"));
  }
  SECTION("by a listing once the fault is over") {
    read_request request;
    request.key = "\"a";
    auto found = read_one(*x.store, request);
    REQUIRE(!found);
    CHECK(found.error() == errc::io_error);
    CHECK(!x.store->list({}));
    x.ops->hook(nullptr);
    CHECK(keys(*x.store) == std::vector<std::string>{"\"a", "\"c"});
  }
  SECTION("by the next group") {
    x.ops->hook(nullptr);
    for (auto& outcome : x.commit())
      CHECK(outcome);
  }
  CHECK(!fs::exists(x.config.dir + "/groups"));
}

TEST_CASE("a group whose record cannot be written changes nothing") {
  failing x;
  auto files = files_below(x.config.dir);
  auto failing_call
    = GENERATE(call::open, call::write, call::sync, call::rename);
  x.ops->hook([&](call what, const std::string& path) {
    return what == failing_call && path.ends_with("/groups.new") ? -ENOSPC : 0;
  });
  auto outcomes = x.commit();
  for (size_t i : {0, 1}) {
    REQUIRE(!outcomes[i]);
    CHECK(outcomes[i].error() == errc::io_error);
    CHECK(!outcomes[i].error().data_loss());
  }
  CHECK(outcomes[2]);
  CHECK(get(*x.store, "\"a") == *blob(1, "old"));
  CHECK(get(*x.store, "\"b") == *blob(1, "old"));
  CHECK(files_below(x.config.dir) == files);
  x.ops->hook(nullptr);
  for (auto& outcome : x.commit())
    CHECK(outcome);
}

TEST_CASE("a group of one change and keys that are kept needs no record") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config, ops);
  REQUIRE(commit_one(*store, put("\"a", blob(1, "old"))));
  REQUIRE(commit_one(*store, put("\"b", blob(1, "old"))));
  std::set<std::string> opened;
  size_t syncs = 0;
  ops->hook([&](call what, const std::string& path) {
    if (what == call::open)
      opened.insert(path);
    syncs += what == call::sync;
    return 0;
  });
  std::vector<mutation> batch{put("\"a", blob(2, "new")),
                              {"\"b", keep{}, precondition::matches(rev(1))}};
  batch[0].group = batch[1].group = 1;
  for (auto& x : store->commit(batch))
    CHECK(x);
  CHECK(!opened.contains(config.dir + "/groups.new"));
  CHECK(syncs == 2);
  batch[1].condition = precondition::absent();
  auto outcomes = store->commit(batch);
  CHECK(outcomes[0].error() == errc::conflict);
  CHECK(outcomes[1].error() == errc::precondition_failed);
}

TEST_CASE("one record serves all groups of a batch") {
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto ops = std::make_shared<watched_ops>();
  auto store = create(config, ops);
  std::map<std::string, int> syncs;
  std::vector<mutation> batch;
  for (int i = 0; i < 40; ++i) {
    batch.push_back(put("\"" + std::to_string(i), blob(1, "x")));
    batch.back().group = 1 + uint64_t(i) / 4;
  }
  for (auto& x : store->commit(batch))
    REQUIRE(x); // makes the directories
  ops->hook([&](call what, const std::string& path) {
    if (what == call::sync)
      ++syncs[path];
    return 0;
  });
  for (auto& x : store->commit(batch))
    CHECK(x);
  CHECK(syncs[config.dir + "/groups.new"] == 1);
  CHECK(syncs[config.dir] == 1);
}
