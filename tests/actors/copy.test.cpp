// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "actors/backups.hpp"
#include "actors/engines.hpp"
#include "temp_dir.hpp"

#include "larder/key.hpp"

#include <atomic>
#include <map>
#include <stdexcept>

using namespace larder;
using namespace larder::test;

namespace {

store_config on(std::shared_ptr<backend> engine,
                const std::string& options = "") {
  auto result = *open_store("memory:" + options);
  result.engine = std::move(engine);
  return result;
}

/// Two stores in memory.
struct fixture {
  threaded_world world;
  std::shared_ptr<backend> source = make_memory();
  std::shared_ptr<backend> target = make_memory();
  blocking_client from{world.system(), world.spawn(on(source))};
  blocking_client to{world.system(), world.spawn(on(target))};

  uuid source_id() const {
    return source->id();
  }
};

copy_counts copied(blocking_client& from, blocking_client& to,
                   copy_options options = {}) {
  options.on_failure = [](const value& key, const error& why) {
    FAIL_CHECK(to_edn(key) << ": " << to_string(why));
  };
  auto counts = copy_store(from, to, options);
  INFO((counts ? "" : to_string(counts.error())));
  REQUIRE(counts);
  CHECK(counts->failed + counts->missing + counts->different == 0);
  return *counts;
}

copy_options merging() {
  copy_options result;
  result.merge = true;
  return result;
}

std::map<std::string, revision> revisions(blocking_client& client) {
  std::map<std::string, revision> result;
  REQUIRE(client.for_each_key({}, [&](key_entry& x) -> expected<void> {
    auto meta = client.meta(x.key);
    REQUIRE(meta);
    if (meta->type != content_type::append_log)
      result.emplace(to_edn(x.key), meta->rev);
    return {};
  }));
  return result;
}

bytes whole_blob(backend& engine, const value& key) {
  read_request wanted{*encode_key(key), blob_part::all, 0, 0, std::nullopt};
  auto outcomes = engine.read(std::span{&wanted, 1});
  REQUIRE(outcomes.front());
  REQUIRE(*outcomes.front());
  return to_bytes((*outcomes.front())->data);
}

/// A stored blob of the other store.
put_stored_request taken_from(fixture& f, const value& key) {
  return {key,
          std::make_shared<const bytes>(whole_blob(*f.source, key)),
          f.source_id(),
          {}};
}

errc refusal(blocking_client& client, put_stored_request req) {
  auto reply = client.call(std::move(req));
  REQUIRE(!reply);
  return reply.error().code();
}

} // namespace

// -- whole stores -------------------------------------------------------------

TEST_CASE("stores are copied between all engines and chains, and verified") {
  temp_dir dir;
  keyring ring;
  REQUIRE(ring.add(encryption_key::random()));
  REQUIRE(ring.save(dir / "ring"));
  auto sealed = "encryptor=xaes-gcm&keyring=" + (dir / "ring");
  auto file = "file:" + (dir / "store") + "?sync=off";
  struct {
    std::string from, to;
    bool raw;
  } cases[] = {
    {"memory:", "memory:", true},
    {"memory:?compressor=lz4", "memory:?compressor=lz4", true},
    {"memory:?compressor=lz4", "memory:?compressor=none", false},
    {"memory:?serializer=edn", "memory:?serializer=cbor", false},
    {"memory:?" + sealed, "memory:?" + sealed, false},
    {"memory:?" + sealed, "memory:", false},
    {"memory:", "memory:?" + sealed, false},
    {"memory:", file, true},
    {file, "memory:?compressor=zstd", false},
  };
  copy_options options;
  options.keys = std::make_shared<const keyring>(ring);
  for (auto& x : cases) {
    INFO(x.from << " to " << x.to);
    threaded_world world;
    blocking_client from{world.system(), world.spawn(x.from)};
    blocking_client to{world.system(), world.spawn(x.to)};
    if (x.from != file)
      fill(from, 3 << 20);
    auto before = state_of(from);
    REQUIRE(!before.empty());
    auto counts = copied(from, to, options);
    CHECK(counts.restored == before.size());
    CHECK(counts.verified == before.size());
    CHECK(counts.changed == 0);
    CHECK(counts.logs == 5);
    CHECK(counts.binaries == 5);
    CHECK(counts.raw == (x.raw ? before.size() - counts.logs : 0));
    CHECK(state_of(to) == before);
    CHECK(revisions(to) == revisions(from));
  }
}

TEST_CASE("blobs that are taken over keep their segments bit by bit") {
  fixture f;
  REQUIRE(f.from.put("a", std::string(5'000, 'x')));
  REQUIRE(f.from.write("b", pieces_of(mixed_bytes(3 << 20))));
  CHECK(copied(f.from, f.to).raw == 2);
  for (auto key : {"a", "b"}) {
    auto before = whole_blob(*f.source, key);
    auto after = whole_blob(*f.target, key);
    REQUIRE(after.size() == before.size());
    auto metadata_end = header::decode(before)->value_offset();
    CHECK(std::equal(before.begin() + 64,
                     before.begin() + static_cast<ptrdiff_t>(metadata_end),
                     after.begin() + 64));
    // Behind the chunks comes the index, whose checksums are the store's own.
    CHECK(std::equal(before.begin() + static_cast<ptrdiff_t>(metadata_end),
                     before.end() - 1'000,
                     after.begin() + static_cast<ptrdiff_t>(metadata_end)));
  }
}

TEST_CASE("what is to be encrypted is not taken over in the clear") {
  fixture f;
  REQUIRE(f.from.put("a", 1));
  copy_options options;
  options.require_encryption = true;
  std::vector<value> told;
  options.on_failure
    = [&](const value& key, const error&) { told.push_back(key); };
  auto counts = copy_store(f.from, f.to, options);
  REQUIRE(counts);
  CHECK(counts->failed == 1);
  CHECK(told == std::vector<value>{"a"});
  CHECK(state_of(f.to).empty());
}

TEST_CASE("a store without its keys is not copied, and it is told why") {
  temp_dir dir;
  keyring ring;
  REQUIRE(ring.add(encryption_key::random()));
  REQUIRE(ring.save(dir / "ring"));
  fixture f;
  blocking_client sealed{
    f.world.system(),
    f.world.spawn("memory:?encryptor=xaes-gcm&keyring=" + (dir / "ring"))};
  REQUIRE(sealed.put("a", 1));
  keyring other;
  REQUIRE(other.add(encryption_key::random()));
  copy_options options;
  CHECK(copy_store(sealed, f.to, options).error()
        == errc::unknown_encryption_key);
  options.keys = std::make_shared<const keyring>(other);
  CHECK(copy_store(sealed, f.to, options).error()
        == errc::unknown_encryption_key);
  CHECK(state_of(f.to).empty());
}

// -- going on -----------------------------------------------------------------

TEST_CASE("a copy that goes on skips what is there, logs included") {
  for (std::string chain : {"", "?compressor=zstd"}) {
    fixture f;
    blocking_client to{f.world.system(), f.world.spawn("memory:" + chain)};
    fill(f.from, 1'200'000);
    auto all = copied(f.from, to).restored;
    CHECK(copy_store(f.from, to).error() == errc::already_exists);
    auto again = copied(f.from, to, merging());
    CHECK(again.skipped == all);
    CHECK(again.restored == 0);
    CHECK(again.verified == all);
    REQUIRE(f.from.put("extras", "changed"));
    REQUIRE(f.from.append("log", {1}));
    REQUIRE(f.from.put("new", 1));
    REQUIRE(to.put("mine", 1));
    again = copied(f.from, to, merging());
    CHECK(again.restored == 3);
    CHECK(again.skipped == all - 2);
    CHECK(again.verified == all + 1);
    REQUIRE(to.erase("mine"));
    CHECK(state_of(to) == state_of(f.from));
  }
}

TEST_CASE("a copy that ends in the middle goes on from there") {
  fixture f;
  for (int i = 0; i < 500; ++i)
    REQUIRE(f.from.put(i, i));
  auto options = merging();
  uint64_t seen = 0;
  // The source ends before the copy does.
  blocking_client broken{f.world.system(),
                         spawn_store(f.world.system(), on(f.source))};
  options.progress = [&](const restore_counts& x) {
    if (std::exchange(seen, x.restored) == 0)
      static_cast<void>(broken.close_store());
  };
  static_cast<void>(copy_store(broken, f.to, options));
  auto there = state_of(f.to).size();
  auto counts = copied(f.from, f.to, merging());
  CHECK(counts.skipped == there);
  CHECK(counts.restored == 500 - there);
  CHECK(state_of(f.to) == state_of(f.from));
}

TEST_CASE("a callback that throws ends the copy, and nothing else") {
  fixture f;
  for (auto i = 0; i < 500; ++i)
    REQUIRE(f.from.put(i, std::string(1000, 'x')));
  copy_options options;
  SECTION("where the copy is written") {
    options.verify = true;
    options.verifying = [](uint64_t) { throw std::runtime_error("stop"); };
    CHECK_THROWS_WITH(copy_store(f.from, f.to, options), "stop");
  }
  SECTION("where the source is read") {
    mutation damage{
      *encode_key(7), std::make_shared<const bytes>(to_bytes("damaged")), {}};
    REQUIRE(f.source->commit(std::span{&damage, 1}).front());
    options.on_failure
      = [](const value&, const error&) { throw std::runtime_error("stop"); };
    auto counts = copy_store(f.from, f.to, options);
    REQUIRE(!counts);
    CHECK(counts.error() == errc::internal);
    CHECK(counts.error().message().find("stop") != std::string::npos);
  }
}

TEST_CASE("a key that was written later in the copy gets another revision") {
  fixture f;
  REQUIRE(f.from.put("a", "old"));
  REQUIRE(f.from.write("b", to_bytes("old")));
  REQUIRE(f.from.write("c", pieces_of(mixed_bytes(3 << 20))));
  REQUIRE(f.from.append("d", {1}));
  for (auto key : {"a", "b", "c", "d"})
    while (f.to.meta(key).value_or(metadata{}).last_write
           <= f.from.meta(key)->last_write)
      REQUIRE(f.to.put(key, "newer"));
  auto stamps = f.to.meta("a")->last_write;
  for (int round = 0; round < 2; ++round) {
    auto counts = copied(f.from, f.to, merging());
    CHECK(counts.restored == 4);
    CHECK(counts.raw == 0);
    CHECK(counts.skipped == 0);
  }
  CHECK(f.to.get("a") == value{"old"});
  CHECK(f.to.meta("a")->last_write == stamps);
  CHECK(f.to.meta("a")->rev != f.from.meta("a")->rev);
  CHECK(f.to.read("c") == f.from.read("c"));
}

// -- verifying ----------------------------------------------------------------

TEST_CASE("a copy that only looks like one is found out") {
  fixture f;
  fill(f.from, 1'200'000);
  copied(f.from, f.to);
  auto forge = [&](const value& key, std::variant<value, shared_bytes> what) {
    auto meta = *f.from.meta(key);
    REQUIRE(f.to.call(restore_request{key, std::move(what), meta, {}}));
    CHECK(f.to.meta(key)->rev == meta.rev);
  };
  forge("extras", value{"forged"});
  forge("small", std::make_shared<const bytes>(to_bytes("jello")));
  auto options = merging();
  std::vector<value> told;
  options.on_failure
    = [&](const value& key, const error&) { told.push_back(key); };
  auto counts = copy_store(f.from, f.to, options);
  REQUIRE(counts);
  CHECK(counts->different == 2);
  CHECK(counts->changed == 0);
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<value>{"extras", "small"});
  options.verify = false;
  counts = copy_store(f.from, f.to, options);
  REQUIRE(counts);
  CHECK(counts->different == 0);
  CHECK(counts->verified == 0);
}

TEST_CASE("what is written to the source meanwhile is no difference") {
  fixture f;
  for (int i = 0; i < 10; ++i)
    REQUIRE(f.from.put(i, i));
  REQUIRE(f.from.append("log", {1}));
  copy_options options;
  auto writes = 0;
  options.progress = [&](const restore_counts& x) {
    if (x.restored < 11 || writes++ > 0)
      return;
    REQUIRE(f.from.put(3, "changed"));
    REQUIRE(f.from.put("new", 1));
    REQUIRE(f.from.append("log", {2}));
    REQUIRE(f.from.erase(4));
  };
  auto counts = copied(f.from, f.to, options);
  CHECK(counts.restored == 11);
  CHECK(counts.verified == 8);
  CHECK(counts.changed == 3);
}

TEST_CASE("keys whose time is over are neither copied nor missed") {
  fixture f;
  put_options mortal;
  mortal.ttl = std::chrono::milliseconds{1};
  REQUIRE(f.from.put("short", 1, mortal));
  REQUIRE(f.from.put("long", 1));
  while (f.from.exists("short").value_or(true)) {
    // its time comes
  }
  auto counts = copied(f.from, f.to);
  CHECK(counts.restored == 1);
  CHECK(counts.verified == 1);
}

// -- taking over --------------------------------------------------------------

TEST_CASE("a store takes over only blobs of its own form, and whole ones") {
  fixture f;
  REQUIRE(f.from.put("a", 1));
  REQUIRE(f.from.append("log", {1}));
  CHECK(refusal(f.to, taken_from(f, "log")) == errc::unsupported);
  auto req = taken_from(f, "a");
  req.from = uuid::random();
  CHECK(refusal(f.to, req) == errc::corruption);
  req = taken_from(f, "a");
  req.key = "b";
  CHECK(refusal(f.to, req) == errc::corruption);
  req = taken_from(f, "a");
  auto damaged = *req.blob;
  damaged.back() ^= std::byte{1};
  req.blob = std::make_shared<const bytes>(damaged);
  CHECK(refusal(f.to, req) == errc::corruption);
  req.blob = std::make_shared<const bytes>(bytes(10));
  CHECK(refusal(f.to, req) == errc::corruption);
  req.blob = nullptr;
  CHECK(refusal(f.to, req) == errc::invalid_argument);
  blocking_client other{f.world.system(),
                        f.world.spawn("memory:?serializer=edn")};
  CHECK(refusal(other, taken_from(f, "a")) == errc::unsupported);
  CHECK(state_of(f.to).empty());
  req = taken_from(f, "a");
  req.condition.must_be_absent = true;
  REQUIRE(f.to.call(req));
  CHECK(refusal(f.to, req) == errc::precondition_failed);
}

TEST_CASE("what was taken over is read by whoever comes behind it") {
  temp_dir dir;
  backend_registry registry;
  auto where = *uri::parse("file:" + (dir / "store") + "?sync=off");
  auto file = (*registry.find("file"))->create(where);
  REQUIRE(file);
  for (auto engine : {make_memory(), make_shared_memory(),
                      std::shared_ptr<backend>(std::move(*file))}) {
    fixture f;
    REQUIRE(f.from.put("a", "content"));
    blocking_client to{f.world.system(), f.world.spawn(on(engine))};
    REQUIRE(to.put("a", "before"));
    auto req = taken_from(f, "a");
    req.condition.must_match = to.meta("a")->rev;
    while (f.from.meta("a")->last_write < to.meta("a")->last_write) {
      REQUIRE(f.from.put("a", "content"));
      req.blob = taken_from(f, "a").blob;
    }
    auto put = to.async(req);
    auto got = to.async(get_request{"a", {}, std::nullopt});
    auto again = to.async(get_request{"a", {}, std::nullopt});
    REQUIRE(put.get());
    CHECK(got.get()->content == value{"content"});
    CHECK(again.get()->content == value{"content"});
    CHECK(to.meta("a")->rev == f.from.meta("a")->rev);
  }
}

TEST_CASE("watchers and validators see values that are taken over") {
  fixture f;
  REQUIRE(f.from.put("good", 1));
  REQUIRE(f.from.put("bad", 2));
  auto config = on(f.target);
  config.validators.push_back(
    {"no twos", {}, [](const proposed_change& x) -> expected<void> {
       if (x.after != nullptr && *x.after == value{2})
         return fail(errc::refused, "a two");
       return {};
     }});
  blocking_client strict{f.world.system(), f.world.spawn(std::move(config))};
  CHECK(refusal(strict, taken_from(f, "bad")) == errc::refused);
  REQUIRE(strict.call(taken_from(f, "good")));
  watch_request all;
  all.with_after = true;
  auto watch = f.to.watch(all);
  REQUIRE(watch);
  REQUIRE(f.to.call(taken_from(f, "bad")));
  auto events = f.to.next_events(watch->watch);
  REQUIRE(events);
  REQUIRE(events->events.size() == 1);
  CHECK(events->events.front().after == value{2});
}

TEST_CASE("a stream of a blob must be that of a binary, and whole") {
  fixture f;
  REQUIRE(f.from.write("b", pieces_of(mixed_bytes(600'000))));
  REQUIRE(f.from.put("a", 1));
  auto blob = whole_blob(*f.source, "b");
  auto h = *header::decode(blob);
  auto index_size = 3 * 12 + 16;
  auto share
    = [](bytes_view x) { return std::make_shared<const bytes>(to_bytes(x)); };
  auto view = bytes_view{blob};
  open_stored_request req{"b",
                          share(view.first(h.value_offset())),
                          share(view.last(index_size)),
                          f.source_id(),
                          {}};
  auto chunks = view.subspan(h.value_offset(),
                             blob.size() - h.value_offset() - index_size);
  auto refused = req;
  refused.index = share(view.last(index_size - 1));
  CHECK(f.to.call(refused).error() == errc::corruption);
  refused.index = nullptr;
  CHECK(f.to.call(refused).error() == errc::invalid_argument);
  refused = req;
  refused.from = uuid::random();
  CHECK(f.to.call(refused).error() == errc::corruption);
  auto value_blob = whole_blob(*f.source, "a");
  refused = req;
  refused.key = "a";
  refused.prefix = share(
    bytes_view{value_blob}.first(header::decode(value_blob)->value_offset()));
  CHECK(f.to.call(refused).error() == errc::invalid_argument);
  SECTION("chunks that are missing are missed") {
    auto opened = f.to.call(req);
    REQUIRE(opened);
    CHECK(
      f.to.fill_stream(opened->stream, pieces_of(to_bytes(chunks.first(1'000))))
        .error()
      == errc::corruption);
  }
  SECTION("chunks that are damaged are found out") {
    auto opened = f.to.call(req);
    REQUIRE(opened);
    auto damaged = to_bytes(chunks);
    damaged[100] ^= std::byte{1};
    CHECK(!f.to.fill_stream(opened->stream, pieces_of(damaged)));
  }
  SECTION("all of it makes the key") {
    auto opened = f.to.call(req);
    REQUIRE(opened);
    auto rev = f.to.fill_stream(opened->stream, pieces_of(to_bytes(chunks)));
    REQUIRE(rev);
    CHECK(*rev == h.rev);
    CHECK(f.to.read("b") == f.from.read("b"));
    return;
  }
  CHECK(state_of(f.to).empty());
}
