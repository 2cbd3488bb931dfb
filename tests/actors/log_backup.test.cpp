// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Append logs in backups.

#include "actors/backups.hpp"
#include "actors/engines.hpp"
#include "actors/log_tools.hpp"
#include "temp_dir.hpp"

#include "larder/detail/patience.hpp"

#include <atomic>
#include <random>

using namespace larder;
using namespace larder::test;

namespace {

store_config on(std::shared_ptr<backend> engine) {
  auto result = *open_store("memory:");
  result.engine = std::move(engine);
  return result;
}

struct fixture {
  threaded_world world;
  std::shared_ptr<backend> engine = make_memory();
  blocking_client from{world.system(), world.spawn(on(engine))};
  std::shared_ptr<backend> other = make_memory();
  blocking_client to{world.system(), world.spawn(on(other))};

  /// The hidden keys of the store that is saved.
  std::vector<std::string> segments() {
    auto result = raw_keys(*engine);
    std::erase_if(result, [](auto& x) { return !is_hidden_key(x); });
    return result;
  }

  /// An archive of a backup during which `f` is called once, after as many
  /// pieces of the archive.
  bytes disturbed(int after, const std::function<void()>& f,
                  const backup_options& options = {}) {
    bytes result;
    auto made = backup(
      from,
      [&](bytes_view data) -> expected<void> {
        append(result, data);
        if (--after == 0)
          f();
        return {};
      },
      options);
    REQUIRE(made);
    return result;
  }
};

/// Without a snapshot, in which no log ever changes.
backup_options per_key() {
  backup_options result;
  result.one_moment = false;
  return result;
}

/// Appends integers that are their positions.
void append_numbers(blocking_client& client, uint64_t from, uint64_t end) {
  for (; from < end; from += std::min<uint64_t>(end - from, 200))
    REQUIRE(client.append("log", numbers(from, std::min(end, from + 200))));
}

read_log_reply whole_log(blocking_client& client) {
  auto page = client.read_log("log", 0, 1'000'000);
  REQUIRE(page);
  return *page;
}

} // namespace

TEST_CASE("an increment has the logs that have changed") {
  fixture f;
  append_numbers(f.from, 0, 1000);
  REQUIRE(f.from.append("other", {1, 2, 3}));
  auto first = archive_of(f.from);
  auto index = check_archives(openers({first}));
  REQUIRE(index);
  CHECK(index->counts().records == 2);
  backup_options options;
  options.since = &*index;
  SECTION("by an append") {
    append_numbers(f.from, 1000, 1001);
  }
  SECTION("by a truncation") {
    REQUIRE(f.from.truncate_log("log", 300));
  }
  auto second = archive_of(f.from, options);
  auto next = check_archives(openers({first, second}));
  REQUIRE(next);
  CHECK(next->counts().records == 1);
  CHECK(next->counts().unchanged == 1);
  REQUIRE(restore_all(f.to, {first, second}));
  CHECK(state_of(f.to) == state_of(f.from));
  CHECK(hidden_blobs(*f.other) == f.segments().size());
}

TEST_CASE("a log that was erased stays erased") {
  fixture f;
  append_numbers(f.from, 0, 1000);
  auto first = archive_of(f.from);
  auto index = check_archives(openers({first}));
  backup_options options;
  options.since = &*index;
  REQUIRE(f.from.erase("log"));
  REQUIRE(restore_all(f.to, {first, archive_of(f.from, options)}));
  CHECK(raw_keys(*f.other).empty());
}

TEST_CASE("restoring again replaces logs, and leaves nothing of the old") {
  fixture f;
  append_numbers(f.from, 0, 1000);
  auto archive = archive_of(f.from);
  restore_options options;
  options.merge = true;
  REQUIRE(restore_all(f.to, {archive}, options));
  auto blobs = raw_keys(*f.other).size();
  append_numbers(f.to, 1000, 2000);
  REQUIRE(restore_all(f.to, {archive}, options));
  CHECK(whole_log(f.to).entries == numbers(0, 1000));
  CHECK(raw_keys(*f.other).size() == blobs);
  REQUIRE(f.to.erase("log"));
  REQUIRE(f.to.put("log", "a value"));
  REQUIRE(restore_all(f.to, {archive}, options));
  CHECK(whole_log(f.to).entries == numbers(0, 1000));
}

TEST_CASE("a restore into the store itself does not touch other logs") {
  fixture f;
  append_numbers(f.from, 0, 1000);
  auto archive = archive_of(f.from);
  append_numbers(f.from, 1000, 1500);
  REQUIRE(f.from.truncate_log("log", 700));
  restore_options options;
  options.merge = true;
  REQUIRE(restore_all(f.from, {archive}, options));
  CHECK(whole_log(f.from).entries == numbers(0, 1000));
  REQUIRE(f.from.erase("log"));
  CHECK(raw_keys(*f.engine).empty());
}

TEST_CASE("a log that has expired is left out") {
  threaded_world world;
  auto config = *open_store("memory:");
  std::atomic<int64_t> now = 1'600'000'000'000;
  config.clock = [&now] { return now.load(); };
  config.collection_interval = std::chrono::milliseconds{0};
  blocking_client from{world.system(), world.spawn(std::move(config))};
  blocking_client to{world.system(), world.spawn("memory:")};
  put_options mortal;
  mortal.ttl = std::chrono::hours{1};
  REQUIRE(from.append("log", numbers(0, 1000), mortal));
  REQUIRE(from.put("a", 1));
  auto counts = restore_all(to, {archive_of(from)});
  REQUIRE(counts);
  CHECK(counts->restored == 1);
  CHECK(counts->expired == 1);
}

// -- logs that change ---------------------------------------------------------

TEST_CASE("appends during a backup do not disturb it") {
  fixture f;
  REQUIRE(f.from.append("log", large_entries(200)));
  auto archive = f.disturbed(
    3, [&] { REQUIRE(f.from.append("log", large_entries(100))); }, per_key());
  CHECK(archive.size() < 8'000'000);
  REQUIRE(restore_all(f.to, {archive}));
  CHECK(whole_log(f.to).end == 200);
  CHECK(f.to.call(verify_request{"log"}));
}

TEST_CASE("a log that is truncated during its backup is begun again") {
  fixture f;
  uint64_t position = GENERATE(1, 150, 200);
  REQUIRE(f.from.append("log", large_entries(200)));
  auto archive = f.disturbed(
    3, [&] { REQUIRE(f.from.truncate_log("log", position)); }, per_key());
  auto index = check_archives(openers({archive}));
  REQUIRE(index);
  CHECK(index->counts().records == 1);
  CHECK(index->counts().missing == 0);
  REQUIRE(restore_all(f.to, {archive}));
  auto log = whole_log(f.to);
  // What had been read before may have been enough.
  CHECK((log.begin == position || (log.begin == 0 && position == 1)));
  CHECK(log.end == 200);
  CHECK(log.entries.size() == 200 - log.begin);
  CHECK(f.to.call(verify_request{"log"}));
}

TEST_CASE("a log that is erased during its backup is not in it") {
  fixture f;
  REQUIRE(f.from.append("log", large_entries(200)));
  auto again = GENERATE(true, false);
  auto erase = [&] {
    REQUIRE(f.from.erase("log"));
    if (again)
      REQUIRE(f.from.append("log", {"new"}));
  };
  auto archive = f.disturbed(3, erase, per_key());
  auto index = check_archives(openers({archive}));
  REQUIRE(index);
  CHECK(index->counts().missing == 0);
  REQUIRE(restore_all(f.to, {archive}));
  CHECK(state_of(f.to) == state_of(f.from));
}

TEST_CASE("a log that is truncated or erased is whole in a snapshot") {
  fixture f;
  auto erased = GENERATE(true, false);
  REQUIRE(f.from.append("log", large_entries(200)));
  auto before = state_of(f.from);
  auto archive = f.disturbed(3, [&] {
    if (erased)
      REQUIRE(f.from.erase("log"));
    else
      REQUIRE(f.from.truncate_log("log", 150));
  });
  REQUIRE(restore_all(f.to, {archive}));
  CHECK(state_of(f.to) == before);
  CHECK(f.to.call(verify_request{"log"}));
}

TEST_CASE("a log that never stands still is saved as of one moment") {
  fixture f;
  auto options = GENERATE(backup_options{}, per_key());
  append_numbers(f.from, 0, 2000);
  std::atomic<bool> stop = false;
  std::thread writer{[&] {
    std::minstd_rand rng{11};
    uint64_t begin = 0;
    uint64_t end = 2000;
    while (!stop) {
      auto more = rng() % 150 + 1;
      if (!f.from.append("log", numbers(end, end + more)))
        break;
      end += more;
      begin
        = std::max(begin + rng() % 150, end - std::min<uint64_t>(end, 3000));
      if (!f.from.truncate_log("log", begin))
        break;
    }
  }};
  std::vector<bytes> archives;
  for (int i = 0; i < 20; ++i)
    archives.push_back(archive_of(f.from, options));
  stop = true;
  writer.join();
  for (auto& archive : archives) {
    blocking_client to{f.world.system(), f.world.spawn("memory:")};
    auto counts = restore_all(to, {archive});
    REQUIRE(counts);
    REQUIRE(counts->restored == 1);
    CHECK(counts->missing == 0);
    auto log = whole_log(to);
    CHECK(log.entries == numbers(log.begin, log.end));
    CHECK(to.call(verify_request{"log"}));
  }
}

// -- damage -------------------------------------------------------------------

TEST_CASE("a log with a damaged or missing segment is left out and named") {
  fixture f;
  append_numbers(f.from, 0, 2000);
  REQUIRE(f.from.put("good", 1));
  auto keys = f.segments();
  REQUIRE(keys.size() == 7);
  if (GENERATE(true, false)) {
    mutation mut{keys[3], {}, {}, 0};
    REQUIRE(f.engine->commit(std::span{&mut, 1}).at(0));
  } else {
    auto blob = read_blob(*f.engine, keys[3]);
    blob[blob.size() / 2] ^= std::byte{1};
    write_blob(*f.engine, keys[3], blob);
  }
  std::vector<std::string> told;
  backup_options options;
  options.on_missing = [&told](const value& key, const error& why) {
    CHECK(why == errc::corruption);
    told.push_back(to_edn(key) + " " + why.message());
  };
  auto archive = archive_of(f.from, options);
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Catch::StartsWith("\"log\" segment 3"));
  auto counts = restore_all(f.to, {archive});
  REQUIRE(counts);
  CHECK(counts->restored == 1);
  CHECK(counts->missing == 1);
}

TEST_CASE("a log whose archive is cut off does not appear") {
  fixture f;
  REQUIRE(f.from.append("log", large_entries(100)));
  auto archive = archive_of(f.from);
  for (size_t i = 1; i < 10; ++i) {
    auto cut = archive;
    cut.resize(archive.size() * i / 10);
    CHECK(!restore(f.to, stream_of(cut)));
    CHECK(f.to.exists("log") == false);
  }
  f.world.close(); // waits for what is being collected
  CHECK(raw_keys(*f.other).empty());
}

TEST_CASE("a log that cannot be stored is left out and named") {
  fixture f;
  REQUIRE(f.from.append("log", large_entries(10)));
  REQUIRE(f.from.put("good", 1));
  auto small = std::make_shared<disguised_backend>(
    f.other, [](capabilities& x) { x.max_blob_size = 20'000; });
  blocking_client to{f.world.system(), f.world.spawn(on(small))};
  restore_options options;
  auto told = 0;
  options.on_failure = [&told](const value& key, const error& why) {
    CHECK(key == value{"log"});
    CHECK(why == errc::limit_exceeded);
    ++told;
  };
  auto counts = restore_all(to, {archive_of(f.from)}, options);
  REQUIRE(counts);
  CHECK(counts->restored == 1);
  CHECK(counts->failed == 1);
  CHECK(told == 1);
  f.world.close(); // waits for what is being collected
  CHECK(hidden_blobs(*f.other) == 0);
}

TEST_CASE("a store without its keys cannot tell what belongs to a log") {
  temp_dir dir;
  keyring ring;
  REQUIRE(ring.add(encryption_key::random()));
  REQUIRE(ring.save(dir / "ring"));
  threaded_world world;
  auto config
    = *open_store("memory:?encryptor=xaes-gcm&keyring=" + (dir / "ring"));
  auto engine = config.engine;
  blocking_client with{world.system(), world.spawn(std::move(config))};
  blocking_client without{world.system(), world.spawn(on(engine))};
  REQUIRE(with.append("log", numbers(0, 1000)));
  REQUIRE(with.put("good", 1));
  backup_options options;
  auto told = 0;
  options.on_missing = [&told](const value& key, const error& why) {
    CHECK(key == value{"log"});
    CHECK(why == errc::unsupported);
    ++told;
  };
  CHECK(
    check_archives(openers({archive_of(without, options)}))->counts().records
    == 1);
  CHECK(told == 1);
}

// -- patience -----------------------------------------------------------------

TEST_CASE("who is told to try again later does, for a while") {
  using reply = expected<int>;
  auto calls = 0;
  std::chrono::milliseconds waited{0};
  auto pause = [&](std::chrono::milliseconds x) { waited += x; };
  auto busy_for = [&](int n) {
    return detail::patiently(
      [&, n]() -> reply {
        if (++calls <= n)
          return fail(errc::overloaded, "busy");
        return 7;
      },
      pause);
  };
  SECTION("until it is carried out") {
    CHECK(busy_for(3) == reply{7});
    CHECK(calls == 4);
    CHECK(waited.count() == 70);
  }
  SECTION("or enough is enough") {
    CHECK(busy_for(1'000'000).error() == errc::overloaded);
    CHECK(waited >= std::chrono::seconds{30});
    CHECK(waited < std::chrono::seconds{36});
  }
  SECTION("and no other error is tried again") {
    auto result = detail::patiently(
      [&]() -> reply {
        ++calls;
        return fail(errc::io_error, "broken");
      },
      pause);
    CHECK(result.error() == errc::io_error);
    CHECK(calls == 1);
  }
}
