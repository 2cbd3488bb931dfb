// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "actors/backups.hpp"
#include "actors/engines.hpp"
#include "actors/random_value.hpp"
#include "temp_dir.hpp"

#include <atomic>

using namespace larder;
using namespace larder::test;

namespace {

store_config on(std::shared_ptr<backend> engine) {
  auto result = *open_store("memory:");
  result.engine = std::move(engine);
  return result;
}

/// Two stores in memory.
struct fixture {
  threaded_world world;
  std::shared_ptr<backend> engine = make_memory();
  blocking_client from{world.system(), world.spawn(on(engine))};
  blocking_client to{world.system(), world.spawn("memory:")};
};

std::string error_of(const expected<restore_counts>& x) {
  return x ? "no error" : std::string{to_string(x.error().code())};
}

} // namespace

// -- there and back -----------------------------------------------------------

TEST_CASE("every key comes back from an archive, on all engines and chains") {
  temp_dir dir;
  keyring ring;
  REQUIRE(ring.add(encryption_key::random()));
  auto ring_file = dir / "ring";
  REQUIRE(ring.save(ring_file));
  restore_options options;
  options.keys = std::make_shared<const keyring>(ring);
  auto index = 0;
  for (std::string serializer : {"cbor", "edn", "boost-binary"})
    for (std::string compressor : {"none", "lz4", "zstd"})
      for (std::string encryptor : {"none", "xaes-gcm"}) {
        INFO(serializer << " " << compressor << " " << encryptor);
        threaded_world world;
        auto chain = "?serializer=" + serializer + "&compressor=" + compressor
                     + "&encryptor=" + encryptor + "&keyring=" + ring_file;
        auto file = "file:" + (dir / std::to_string(index));
        auto in_file = ++index % 2 == 0;
        blocking_client from{world.system(),
                             world.spawn((in_file ? file : "memory:") + chain
                                         + (in_file ? "&sync=off" : ""))};
        blocking_client to{
          world.system(),
          world.spawn(in_file ? "memory:" : file + "?sync=off")};
        fill(from, index < 3 ? 5 << 20 : 1'200'000);
        auto expected_state = state_of(from);
        auto archive = archive_of(from);
        auto counts = restore_all(to, {archive}, options);
        INFO(error_of(counts));
        REQUIRE(counts);
        CHECK(counts->restored == expected_state.size());
        CHECK(counts->failed == 0);
        CHECK(state_of(to) == expected_state);
      }
}

TEST_CASE("an archive that cannot be read twice is restored all the same") {
  fixture f;
  fill(f.from, 1'200'000);
  auto counts = restore(f.to, stream_of(archive_of(f.from)));
  REQUIRE(counts);
  CHECK(state_of(f.to) == state_of(f.from));
}

TEST_CASE("a store is copied to another one") {
  fixture f;
  fill(f.from, 3 << 20);
  auto counts = copy_store(f.from, f.to);
  REQUIRE(counts);
  CHECK(state_of(f.to) == state_of(f.from));
}

TEST_CASE("what is restored has revisions of its own") {
  fixture f;
  auto before = f.from.put("a", 1);
  REQUIRE(restore_all(f.to, {archive_of(f.from)}));
  CHECK(f.to.meta("a")->rev != *before);
  CHECK(f.to.meta("a")->rev.valid());
}

TEST_CASE("keys whose time is over are not restored") {
  fixture f;
  auto past = on(make_memory());
  past.clock = [] { return int64_t{1'600'000'000'000}; };
  blocking_client from{f.world.system(), f.world.spawn(std::move(past))};
  put_options options;
  options.ttl = std::chrono::hours{1};
  REQUIRE(from.put("value", 1, options));
  REQUIRE(from.write("small", bytes(10), options));
  REQUIRE(from.write("large", pieces_of(bytes(1'500'000)), options));
  REQUIRE(from.put("lasting", 2));
  auto counts = restore_all(f.to, {archive_of(from)});
  REQUIRE(counts);
  CHECK(counts->expired == 3);
  CHECK(state_of(f.to).size() == 1);
}

// -- while the store is used --------------------------------------------------

TEST_CASE("a backup under writers has for each key what it had meanwhile") {
  constexpr size_t writers = 8;
  constexpr size_t keys = 4; // per writer
  temp_dir dir;
  auto in_file = GENERATE(false, true);
  auto uri = in_file ? "file:" + (dir / "store") + "?sync=off" : "memory:";
  fixture f;
  blocking_client from{f.world.system(), f.world.spawn(uri)};
  // Values and binaries that show whether they are whole.
  auto key_of = [](size_t i) { return "key " + std::to_string(i); };
  auto write = [&](size_t i, int64_t n) {
    if (i % keys == 0)
      REQUIRE(from.write(key_of(i),
                         pieces_of(bytes(1'500'000 + static_cast<size_t>(n),
                                         static_cast<std::byte>(n)))));
    else
      REQUIRE(from.put(
        key_of(i),
        value::vector({n, std::string(static_cast<size_t>(n), 'x'), n})));
  };
  std::array<std::atomic<int64_t>, writers * keys> begun{};
  std::array<std::atomic<int64_t>, writers * keys> done{};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < begun.size(); ++i)
    write(i, 0);
  for (size_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      for (int64_t n = 1; !stop; ++n)
        for (auto i = w * keys; i < (w + 1) * keys; ++i) {
          begun[i] = n;
          write(i, n);
          done[i] = n;
        }
    });
  for (int round = 0; round < 3; ++round) {
    std::array<int64_t, writers * keys> low{};
    std::ranges::copy(done, low.begin());
    auto archive = archive_of(from);
    std::array<int64_t, writers * keys> high{};
    std::ranges::copy(begun, high.begin());
    blocking_client to{f.world.system(), f.world.spawn("memory:")};
    auto counts = restore_all(to, {archive});
    REQUIRE(counts);
    CHECK(counts->restored == begun.size());
    CHECK(counts->missing == 0);
    for (size_t i = 0; i < low.size(); ++i) {
      int64_t n = 0;
      if (i % keys == 0) {
        bytes content;
        REQUIRE(to.read(key_of(i), [&](bytes_view x) -> expected<void> {
          append(content, x);
          return {};
        }));
        n = static_cast<int64_t>(content.size()) - 1'500'000;
        CHECK(std::ranges::count(content, static_cast<std::byte>(n))
              == std::ssize(content));
      } else {
        auto content = to.get(key_of(i));
        REQUIRE(content);
        n = content->items()[0].as_integer();
        CHECK(content->items()[1].as_string().size() == static_cast<size_t>(n));
        CHECK(content->items()[2].as_integer() == n);
      }
      CHECK(n >= low[i]);
      CHECK(n <= high[i]);
    }
  }
  stop = true;
  for (auto& x : threads)
    x.join();
}

TEST_CASE("a blob that is replaced while it is read is read again") {
  threaded_world world;
  auto memory = make_memory();
  auto engine
    = std::make_shared<interfering_backend>(std::make_shared<disguised_backend>(
      memory, [](capabilities& x) { x.snapshots = false; }));
  auto config = on(engine);
  // One read after the other, so that the fourth is not the last as well.
  config.readers = 1;
  blocking_client from{world.system(), world.spawn(std::move(config))};
  blocking_client to{world.system(), world.spawn("memory:")};
  auto content = mixed_bytes(3'000'000);
  REQUIRE(from.write("a", pieces_of(content)));
  auto old_blob = read_blob(*memory, "\"a");
  content[5] ^= std::byte{1};
  REQUIRE(from.write("a", pieces_of(content)));
  auto new_blob = read_blob(*memory, "\"a");
  write_blob(*memory, "\"a", old_blob);
  SECTION("once: the archive has the new one") {
    std::atomic<int> reads{0};
    engine->after_read = [&] {
      if (++reads == 4)
        write_blob(*memory, "\"a", new_blob);
    };
    auto archive = archive_of(from);
    CHECK(reads > 6);
    engine->after_read = nullptr;
    REQUIRE(restore_all(to, {archive}));
    CHECK(describe(to, "a") == describe(from, "a"));
    // From a pipe, the half that was taken back is already on its way.
    blocking_client other{world.system(), world.spawn("memory:")};
    auto counts = restore(other, stream_of(archive));
    REQUIRE(counts);
    CHECK(counts->restored == 1);
    CHECK(counts->failed == 0);
    CHECK(describe(other, "a") == describe(from, "a"));
  }
  SECTION("all the time: the key is missing, and counted") {
    std::atomic<int> reads{0};
    engine->after_read = [&] {
      write_blob(*memory, "\"a", ++reads % 2 == 0 ? new_blob : old_blob);
    };
    backup_options options;
    auto told = 0;
    options.on_missing = [&](const value& key, const error& why) {
      CHECK(key == value{"a"});
      CHECK(why == errc::conflict);
      ++told;
    };
    auto archive = archive_of(from, options);
    engine->after_read = nullptr;
    CHECK(told == 1);
    auto counts = restore_all(to, {archive});
    REQUIRE(counts);
    CHECK(counts->restored == 0);
    CHECK(counts->missing == 1);
  }
  SECTION("by nothing: the key is not in the archive") {
    std::atomic<int> reads{0};
    engine->after_read = [&] {
      if (++reads == 4) {
        mutation erase{"\"a", {}, {}};
        memory->commit(std::span{&erase, 1});
      }
    };
    auto archive = archive_of(from);
    engine->after_read = nullptr;
    auto counts = restore_all(to, {archive});
    REQUIRE(counts);
    CHECK(counts->restored == 0);
    CHECK(counts->missing == 0);
  }
}

// -- archives that build on each other ----------------------------------------

TEST_CASE("a full archive and increments give exactly the last state") {
  fixture f;
  for (int i = 0; i < 20; ++i)
    REQUIRE(f.from.put(i, "first"));
  REQUIRE(f.from.write("binary", bytes(2'000'000)));
  std::vector<bytes> archives{archive_of(f.from)};
  auto state = state_of(f.from);
  auto increment = [&] {
    auto index = *check_archives(openers({archives.back()}));
    backup_options options;
    options.since = &index;
    archives.push_back(archive_of(f.from, options));
    state = state_of(f.from);
    return check_archives(openers({archives.back()}))->counts();
  };
  REQUIRE(f.from.put(1, "changed"));
  REQUIRE(f.from.erase(2));
  REQUIRE(f.from.erase(3));
  REQUIRE(f.from.put("new", 1));
  auto first = increment();
  CHECK(first.records == 2);
  CHECK(first.unchanged == 18);
  REQUIRE(f.from.put(3, "again"));
  REQUIRE(f.from.erase("new"));
  REQUIRE(f.from.erase("binary"));
  CHECK(increment().records == 1);
  CHECK(increment().records == 0);
  REQUIRE(restore_all(f.to, archives));
  CHECK(state_of(f.to) == state);
  SECTION("an increment without its base is refused") {
    std::vector<std::vector<bytes>> wrong{
      {archives[1]}, {archives[0], archives[2]}, {archives[1], archives[0]}};
    for (auto& xs : wrong) {
      blocking_client other{f.world.system(), f.world.spawn("memory:")};
      CHECK(error_of(restore_all(other, xs)) == "invalid_argument");
      CHECK(state_of(other).empty());
    }
    blocking_client other{f.world.system(), f.world.spawn("memory:")};
    CHECK(error_of(restore(other, stream_of(archives[1])))
          == "invalid_argument");
  }
  SECTION("an archive of another store is no base") {
    auto index = *check_archives(openers({archive_of(f.to)}));
    backup_options options;
    options.since = &index;
    auto made = backup(
      f.from, [](bytes_view) { return expected<void>{}; }, options);
    REQUIRE(!made);
    CHECK(made.error() == errc::invalid_argument);
  }
}

// -- stores that are not empty ------------------------------------------------

TEST_CASE("a store that is not empty is left alone unless told to merge") {
  fixture f;
  REQUIRE(f.from.put("both", "archive"));
  REQUIRE(f.from.put("archive only", 1));
  REQUIRE(f.to.put("both", "store"));
  REQUIRE(f.to.put("store only", 2));
  auto archive = archive_of(f.from);
  auto before = state_of(f.to);
  CHECK(error_of(restore_all(f.to, {archive})) == "already_exists");
  CHECK(error_of(restore(f.to, stream_of(archive))) == "already_exists");
  CHECK(copy_store(f.from, f.to).error() == errc::already_exists);
  CHECK(state_of(f.to) == before);
  restore_options merge;
  merge.merge = true;
  for (int i = 0; i < 2; ++i) {
    auto counts = restore_all(f.to, {archive}, merge);
    REQUIRE(counts);
    CHECK(counts->restored == 2);
  }
  CHECK(f.to.get("both") == value{"archive"});
  CHECK(f.to.get("archive only") == value{1});
  CHECK(f.to.get("store only") == value{2});
}

TEST_CASE("the time of the last write is kept, but never goes back") {
  fixture f;
  auto past = on(make_memory());
  past.clock = [] { return int64_t{1'600'000'000'000}; };
  blocking_client from{f.world.system(), f.world.spawn(std::move(past))};
  for (auto key : {"value", "new"})
    REQUIRE(from.put(key, 1));
  REQUIRE(from.write("small", bytes(10)));
  REQUIRE(from.write("large", pieces_of(bytes(1'500'000))));
  for (auto key : {"value", "small", "large"})
    REQUIRE(f.to.put(key, 2));
  auto before = f.to.meta("value")->last_write;
  restore_options merge;
  merge.merge = true;
  REQUIRE(restore_all(f.to, {archive_of(from)}, merge));
  CHECK(f.to.meta("new")->last_write == 1'600'000'000'000);
  for (auto key : {"value", "small", "large"})
    CHECK(f.to.meta(key)->last_write >= before);
}

// -- damage -------------------------------------------------------------------

TEST_CASE("a backup leaves damaged blobs out, and says so") {
  fixture f;
  REQUIRE(f.from.put("good", 1));
  REQUIRE(f.from.put("bad", 2));
  REQUIRE(f.from.write("bad binary", pieces_of(mixed_bytes(3'000'000))));
  for (auto key : {"\"bad", "\"bad binary"}) {
    auto blob = read_blob(*f.engine, key);
    blob[blob.size() / 2] ^= std::byte{1};
    write_blob(*f.engine, key, blob);
  }
  write_blob(*f.engine, "\"no header", to_bytes("nonsense"));
  std::vector<std::string> told;
  backup_options options;
  options.on_missing = [&told](const value& key, const error& why) {
    CHECK(why == errc::corruption);
    told.push_back(to_edn(key));
  };
  auto archive = archive_of(f.from, options);
  std::ranges::sort(told);
  CHECK(
    told
    == std::vector<std::string>{"\"bad binary\"", "\"bad\"", "\"no header\""});
  auto counts = restore_all(f.to, {archive});
  REQUIRE(counts);
  CHECK(counts->restored == 1);
  CHECK(counts->missing == 3);
}

TEST_CASE("a log that another program wrote is named as missing") {
  fixture f;
  REQUIRE(f.from.put("good", 1));
  metadata meta;
  meta.key = "log";
  meta.type = content_type::append_log;
  meta.rev.data.fill(std::byte{1});
  chain ch{f.engine->id(), open_store("memory:")->chain};
  auto blob = ch.encode("\"log", meta, value{});
  REQUIRE(blob);
  write_blob(*f.engine, "\"log", *blob);
  backup_options options;
  auto told = 0;
  options.on_missing = [&told](const value& key, const error& why) {
    CHECK(key == value{"log"});
    CHECK(why == errc::unsupported);
    ++told;
  };
  auto index = check_archives(openers({archive_of(f.from, options)}));
  REQUIRE(index);
  CHECK(told == 1);
  CHECK(index->counts().records == 1);
  CHECK(index->counts().missing == 1);
}

TEST_CASE("of a damaged archive nothing is restored") {
  fixture f;
  fill(f.from, 1'200'000);
  auto archive = archive_of(f.from);
  for (size_t i = 1; i < 20; ++i) {
    auto cut = archive;
    cut.resize(archive.size() * i / 20);
    CHECK(error_of(restore_all(f.to, {cut})) == "corruption");
    auto flipped = archive;
    flipped[archive.size() * i / 20] ^= std::byte{1};
    CHECK(error_of(restore_all(f.to, {flipped})) == "corruption");
  }
  archive.push_back(std::byte{});
  CHECK(error_of(restore_all(f.to, {archive})) == "corruption");
  CHECK(state_of(f.to).empty());
}

TEST_CASE("of a damaged archive from a pipe whole keys are restored, and no "
          "more") {
  fixture f;
  fill(f.from, 2'200'000);
  auto archive = archive_of(f.from);
  auto all = state_of(f.from);
  for (size_t i = 1; i < 12; ++i) {
    auto cut = archive;
    cut.resize(archive.size() * i / 12);
    blocking_client to{f.world.system(), f.world.spawn("memory:")};
    CHECK(error_of(restore(to, stream_of(cut))) == "corruption");
    for (auto& [key, content] : state_of(to))
      CHECK(all.at(key) == content);
  }
}

// -- keys ---------------------------------------------------------------------

TEST_CASE("an archive of an encrypted store is encrypted") {
  temp_dir dir;
  keyring ring;
  REQUIRE(ring.add(encryption_key::random()));
  REQUIRE(ring.save(dir / "ring"));
  fixture f;
  blocking_client from{
    f.world.system(),
    f.world.spawn("memory:?encryptor=xaes-gcm&keyring=" + (dir / "ring"))};
  REQUIRE(from.put("a", "the secret word"));
  REQUIRE(from.write("b", to_bytes("the secret word")));
  auto archive = archive_of(from);
  CHECK(as_chars(archive).find("secret") == std::string_view::npos);
  REQUIRE(check_archives(openers({archive})));
  SECTION("nothing is restored without the key") {
    CHECK(error_of(restore_all(f.to, {archive})) == "unknown_encryption_key");
    CHECK(state_of(f.to).empty());
  }
  SECTION("nothing is restored with other keys") {
    keyring other;
    REQUIRE(other.add(encryption_key::random()));
    restore_options options;
    options.keys = std::make_shared<const keyring>(other);
    CHECK(error_of(restore_all(f.to, {archive}, options))
          == "unknown_encryption_key");
    CHECK(state_of(f.to).empty());
  }
  SECTION("what is not encrypted is left out if asked for") {
    REQUIRE(f.from.put("clear", 1));
    restore_options options;
    options.keys = std::make_shared<const keyring>(ring);
    options.require_encryption = true;
    REQUIRE(restore_all(f.to, {archive}, options));
    CHECK(state_of(f.to).size() == 2);
    options.merge = true;
    auto counts = restore_all(f.to, {archive_of(f.from)}, options);
    REQUIRE(counts);
    CHECK(counts->failed == 1);
    CHECK(state_of(f.to).size() == 2);
  }
  SECTION("with the key all is restored") {
    restore_options options;
    options.keys = std::make_shared<const keyring>(ring);
    REQUIRE(restore_all(f.to, {archive}, options));
    CHECK(state_of(f.to) == state_of(from));
  }
}

// -- ends ---------------------------------------------------------------------

TEST_CASE("a backup ends with the error of whoever takes it") {
  fixture f;
  fill(f.from, 1'200'000);
  auto calls = 0;
  auto made = backup(f.from, [&](bytes_view) -> expected<void> {
    if (++calls == 2)
      return fail(errc::io_error, "disk full");
    return {};
  });
  REQUIRE(!made);
  CHECK(made.error() == error{errc::io_error, "disk full"});
  CHECK(calls == 2);
}

TEST_CASE("a backup of a store that ends is no archive") {
  fixture f;
  fill(f.from, 1'200'000);
  auto pieces = 0;
  bytes archive;
  auto made = backup(f.from, [&](bytes_view data) -> expected<void> {
    append(archive, data);
    if (++pieces == 2)
      f.world.close();
    return {};
  });
  CHECK(!made);
  CHECK(!check_archives(openers({archive})));
}

TEST_CASE("both sides of a copy tell of keys that they leave out") {
  fixture f;
  REQUIRE(f.from.put("good", 1));
  REQUIRE(f.from.put("bad", 2));
  auto blob = read_blob(*f.engine, "\"bad");
  blob.back() ^= std::byte{1};
  write_blob(*f.engine, "\"bad", blob);
  std::vector<value> told;
  copy_options options;
  options.on_failure
    = [&](const value& key, const error&) { told.push_back(key); };
  auto counts = copy_store(f.from, f.to, options);
  REQUIRE(counts);
  CHECK(counts->restored == 1);
  CHECK(counts->missing == 1);
  CHECK(told == std::vector<value>{"bad"});
}
