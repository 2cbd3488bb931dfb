// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Putting append logs back, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "log_tools.hpp"
#  include "stepper.hpp"

using namespace larder;
using namespace larder::test;

namespace {

metadata log_meta() {
  metadata result;
  result.type = content_type::append_log;
  result.last_write = 1'600'000'000'000;
  result.extras = value::map({{"owner", "ada"}});
  return result;
}

open_restore_log_request open_log(uint64_t begin, uint64_t segments) {
  return {"log", log_meta(), begin, segments, {}};
}

/// A store that tests restore a log into.
struct fixture {
  std::shared_ptr<backend> engine = make_memory();
  stepper world;

  fixture() {
    world.spawn(engine);
  }

  uint64_t open(uint64_t begin, uint64_t segments) {
    auto opened = world.call(open_log(begin, segments));
    REQUIRE(opened);
    return opened->stream;
  }

  /// Sends the entries from `from` to `end`.
  expected<append_stream_reply> send(uint64_t stream, uint64_t sequence,
                                     uint64_t from, uint64_t end) {
    return world.call(
      restore_entries_request{stream, sequence, numbers(from, end)});
  }

  std::vector<value> entries() {
    auto page = world.call(read_log("log"));
    REQUIRE(page);
    return page->entries;
  }

  std::vector<std::string> keys() {
    return raw_keys(*engine);
  }
};

} // namespace

TEST_CASE("a restored log appears when it is closed, as it was") {
  fixture f;
  auto stream = f.open(5, 2);
  CHECK(f.send(stream, 0, 5, 100)->size == 95);
  CHECK(f.send(stream, 1, 100, 300)->size == 295);
  CHECK(f.send(stream, 2, 300, 310)->size == 305);
  CHECK_FALSE(f.world.call(exists_request{"log", {}})->exists);
  REQUIRE(f.world.call(close_stream_request{stream}));
  CHECK(f.entries() == numbers(5, 310));
  CHECK(f.keys().size() == 3); // head and segments: the record has gone
  auto meta = f.world.call(metadata_request{"log"});
  REQUIRE(meta);
  CHECK(meta->meta.extras == log_meta().extras);
  CHECK(meta->meta.last_write == log_meta().last_write);
  CHECK(f.world.call(verify_request{"log"}));
  CHECK(f.world.call(append("log", {"more"}))->first == 310);
  CHECK(code_of(f.world.call(close_stream_request{stream})) == errc::not_found);
  REQUIRE(f.world.call(erase_request{"log", {}, {}}));
  CHECK(f.keys().empty());
}

TEST_CASE("logs without segments or entries are restored") {
  fixture f;
  uint64_t n = GENERATE(0, 3);
  auto stream = f.open(7, 0);
  if (n > 0)
    REQUIRE(f.send(stream, 0, 7, 7 + n));
  REQUIRE(f.world.call(close_stream_request{stream}));
  CHECK(f.entries() == numbers(7, 7 + n));
  CHECK(f.world.call(append("log", {1}))->first == 7 + n);
  CHECK(f.keys().size() == 1);
}

TEST_CASE("segments that come together share a commit") {
  fixture f;
  auto stream = f.open(0, 3);
  auto a = f.world.ask(restore_entries_request{stream, 0, numbers(0, 10)});
  auto b = f.world.ask(restore_entries_request{stream, 1, numbers(10, 20)});
  auto c = f.world.ask(restore_entries_request{stream, 2, numbers(20, 30)});
  auto d = f.world.ask(restore_entries_request{stream, 3, numbers(30, 31)});
  // Everything that was sent is stored before the log appears.
  auto closed = f.world.ask(close_stream_request{stream});
  f.world.run();
  CHECK(a.take()->size == 10);
  CHECK(b.take()->size == 20);
  CHECK(c.take()->size == 30);
  CHECK(d.take()->size == 31);
  REQUIRE(closed.take());
  CHECK(f.entries() == numbers(0, 31));
}

TEST_CASE("a log takes the place of what the key holds") {
  fixture f;
  SECTION("a value") {
    REQUIRE(f.world.call(put_request{"log", {}, 1, {}, {}, {}}));
  }
  SECTION("a log, of which nothing stays") {
    for (uint64_t i = 0; i < 600; i += 100)
      REQUIRE(f.world.call(append("log", numbers(i, i + 100))));
  }
  SECTION("a long log") {
    REQUIRE(f.world.call(append("log", large_entries(400))));
  }
  auto stream = f.open(0, 1);
  REQUIRE(f.send(stream, 0, 0, 10));
  REQUIRE(f.world.call(close_stream_request{stream}));
  CHECK(f.entries() == numbers(0, 10));
  f.world.advance(60s);
  f.world.advance(60s);
  CHECK(f.keys().size() == 2);
}

TEST_CASE("values and binaries are put back in place of logs") {
  fixture f;
  REQUIRE(f.world.call(append("log", large_entries(3))));
  metadata meta;
  SECTION("a value") {
    REQUIRE(f.world.call(restore_request{"log", value{1}, meta, {}}));
  }
  SECTION("a binary in pieces") {
    meta.type = content_type::binary;
    auto stream = f.world.call(open_restore_request{"log", meta, {}})->stream;
    REQUIRE(f.world.call(close_stream_request{stream}));
  }
  CHECK(f.keys().size() == 1);
}

TEST_CASE("a log that must not replace anything does not") {
  fixture f;
  auto request = open_log(0, 1);
  request.condition.must_be_absent = true;
  SECTION("when it is opened") {
    REQUIRE(f.world.call(append("log", {1})));
    CHECK(code_of(f.world.call(request)) == errc::precondition_failed);
  }
  SECTION("when it is closed") {
    auto stream = f.world.call(request)->stream;
    REQUIRE(f.send(stream, 0, 0, 10));
    REQUIRE(f.world.call(append("log", {1})));
    CHECK(code_of(f.world.call(close_stream_request{stream}))
          == errc::precondition_failed);
  }
  CHECK(f.entries() == std::vector<value>{1});
  CHECK(f.keys().size() == 1);
}

// -- ends ---------------------------------------------------------------------

TEST_CASE("a log that is given up leaves nothing behind") {
  fixture f;
  auto stream = f.open(0, 3);
  REQUIRE(f.send(stream, 0, 0, 10));
  CHECK(f.keys().size() == 2);
  SECTION("by who restores it") {
    CHECK(f.world.call(abort_stream_request{stream})->existed);
  }
  SECTION("while segments are being stored") {
    auto sent
      = f.world.ask(restore_entries_request{stream, 1, numbers(10, 20)});
    auto aborted = f.world.ask(abort_stream_request{stream});
    f.world.run();
    CHECK(aborted.take()->existed);
  }
  SECTION("as segments are missing when it is closed") {
    CHECK(code_of(f.world.call(close_stream_request{stream}))
          == errc::invalid_argument);
  }
  SECTION("as segments come in a wrong order") {
    CHECK(code_of(f.send(stream, 2, 10, 20)) == errc::invalid_argument);
  }
  SECTION("as a segment is empty") {
    CHECK(code_of(f.send(stream, 1, 10, 10)) == errc::invalid_argument);
  }
  SECTION("as a segment is too large") {
    auto entries = std::vector<value>{std::string(20 << 20, 'x')};
    CHECK(code_of(f.world.call(restore_entries_request{stream, 1, entries}))
          == errc::limit_exceeded);
  }
  SECTION("as nobody goes on") {
    f.world.advance(60s);
    f.world.advance(60s);
  }
  SECTION("as the store is closed") {
    f.world.close();
    CHECK(f.keys().empty());
    return;
  }
  CHECK(f.keys().empty());
  CHECK(code_of(f.send(stream, 1, 10, 20)) == errc::not_found);
}

TEST_CASE("a store that is closed waits for a log that is being opened") {
  fixture f;
  auto opened = f.world.ask(open_log(0, 3));
  f.world.run_without(writer); // the record of its lease is being made
  REQUIRE_FALSE(opened.answered());
  auto closing = f.world.ask(close_request{});
  f.world.run_without(writer);
  CHECK_FALSE(closing.answered());
  f.world.run();
  REQUIRE(closing.take());
  f.world.store = nullptr;
  auto answer = opened.take();
  REQUIRE(!answer);
  CHECK(to_string(answer.error()) == "closed: the stream was aborted");
  CHECK(f.keys().empty());
}

TEST_CASE("what a process that ended has left of a log is collected, but not "
          "before its time is over") {
  fixture f;
  auto stream = f.open(0, 3);
  REQUIRE(f.send(stream, 0, 0, 10));
  REQUIRE(f.send(stream, 1, 10, 20));
  f.world.end();
  f.world.spawn(f.engine);
  f.world.advance(60s);
  CHECK(f.keys().size() == 3);
  SECTION("on its own") {
    f.world.now += 600'000;
    f.world.advance(60s);
    CHECK(f.keys().empty());
  }
  SECTION("also when the log has been restored again") {
    stream = f.open(0, 1);
    REQUIRE(f.send(stream, 0, 0, 10));
    REQUIRE(f.world.call(close_stream_request{stream}));
    f.world.now += 600'000;
    f.world.advance(60s);
    CHECK(f.keys().size() == 2);
    CHECK(f.entries() == numbers(0, 10));
  }
}

TEST_CASE("a restore that goes on slowly keeps what it has stored") {
  fixture f;
  auto stream = f.open(0, 30);
  for (uint64_t i = 0; i < 30; ++i) {
    REQUIRE(f.send(stream, i, i, i + 1));
    f.world.now += 50'000;
    f.world.advance(50s);
  }
  REQUIRE(f.world.call(close_stream_request{stream}));
  CHECK(f.entries() == numbers(0, 30));
}

TEST_CASE("a log of which segments were collected does not appear") {
  fixture f;
  auto stream = f.open(0, 2);
  REQUIRE(f.send(stream, 0, 0, 10));
  auto complete = GENERATE(true, false);
  if (complete)
    REQUIRE(f.send(stream, 1, 10, 20));
  // As if the process had stood still, and another one collected.
  auto record = f.keys().front();
  REQUIRE(record.starts_with(std::string("\0G", 2)));
  write_blob(*f.engine, record, to_bytes("taken over by another process"));
  if (complete)
    CHECK(code_of(f.world.call(close_stream_request{stream}))
          == errc::conflict);
  else
    CHECK(code_of(f.send(stream, 1, 10, 20)) == errc::conflict);
  CHECK_FALSE(f.world.call(exists_request{"log", {}})->exists);
  CHECK(f.keys().empty());
}

TEST_CASE("what is no log is refused") {
  fixture f;
  SECTION("metadata of something else") {
    auto request = open_log(0, 0);
    request.meta.type = content_type::edn;
    CHECK(code_of(f.world.call(request)) == errc::invalid_argument);
  }
  SECTION("more segments than there can be") {
    CHECK(code_of(f.world.call(open_log(0, UINT64_MAX)))
          == errc::invalid_argument);
    CHECK(code_of(f.world.call(open_log(UINT64_MAX, 0)))
          == errc::invalid_argument);
  }
  SECTION("bytes for a log") {
    auto stream = f.open(0, 1);
    CHECK(code_of(f.world.call(
            append_stream_request{stream, 0, std::make_shared<const bytes>(3)}))
          == errc::invalid_argument);
  }
  SECTION("entries for a binary") {
    auto stream = f.world.call(open_stream_request{"b", {}, {}, {}})->stream;
    CHECK(code_of(f.send(stream, 0, 0, 1)) == errc::invalid_argument);
  }
}

TEST_CASE("an engine without groups takes no logs") {
  stepper world;
  world.spawn(std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.atomic_groups = false; }));
  CHECK(code_of(world.call(open_log(0, 0))) == errc::unsupported);
}

#endif
