// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Binaries written piece by piece, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

using namespace larder;
using namespace larder::test;

namespace {

uint64_t open(stepper& world, value key) {
  open_stream_request req;
  req.key = std::move(key);
  auto reply = world.call(std::move(req));
  REQUIRE(reply);
  return reply->stream;
}

append_stream_request piece(uint64_t stream, uint64_t sequence,
                            std::string_view content) {
  return {stream, sequence, std::make_shared<const bytes>(to_bytes(content))};
}

std::string content_of(stepper& world, value key) {
  auto reply = world.call(read(std::move(key)));
  REQUIRE(reply);
  return std::string{as_chars(*reply->content)};
}

} // namespace

TEST_CASE("a stream becomes visible when it is closed, not before") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("k", "old")));
  auto id = open(world, "k");
  CHECK(world.call(piece(id, 0, "first "))->size == 6);
  CHECK(world.call(piece(id, 1, "second"))->size == 12);
  CHECK(world.call(get("k"))->content == value{"old"});
  auto closed = world.call(close_stream_request{id});
  REQUIRE(closed);
  CHECK(content_of(world, "k") == "first second");
  CHECK(world.call(metadata_request{"k"})->meta.rev == closed->rev);
  CHECK(code_of(world.call(piece(id, 2, "x"))) == errc::not_found);
  CHECK(code_of(world.call(close_stream_request{id})) == errc::not_found);
}

TEST_CASE("an empty stream is an empty binary") {
  stepper world;
  world.spawn(make_memory());
  auto id = open(world, "k");
  REQUIRE(world.call(close_stream_request{id}));
  CHECK(content_of(world, "k").empty());
}

TEST_CASE("an aborted stream leaves nothing") {
  stepper world;
  world.spawn(make_memory());
  auto id = open(world, "k");
  REQUIRE(world.call(piece(id, 0, "x")));
  auto aborted = world.call(abort_stream_request{id});
  REQUIRE(aborted);
  CHECK(aborted->existed);
  CHECK_FALSE(world.call(exists_request{"k", {}})->exists);
  CHECK(code_of(world.call(abort_stream_request{id})) == errc::not_found);
}

TEST_CASE("a stream without pieces for too long is given up") {
  stepper world;
  world.spawn(make_memory());
  auto idle = open(world, "idle");
  auto busy = open(world, "busy");
  REQUIRE(world.call(piece(idle, 0, "x")));
  for (uint64_t i = 0; i < 4; ++i) {
    world.advance(30s);
    REQUIRE(world.call(piece(busy, i, "x")));
  }
  CHECK(code_of(world.call(piece(idle, 1, "x"))) == errc::not_found);
  REQUIRE(world.call(close_stream_request{busy}));
  CHECK(content_of(world, "busy") == "xxxx");
}

TEST_CASE("a piece out of order ends the stream") {
  stepper world;
  world.spawn(make_memory());
  auto wrong = GENERATE(uint64_t{0}, uint64_t{2});
  auto id = open(world, "k");
  REQUIRE(world.call(piece(id, 0, "x")));
  CHECK(code_of(world.call(piece(id, wrong, "x"))) == errc::invalid_argument);
  CHECK(code_of(world.call(piece(id, 1, "x"))) == errc::not_found);
  CHECK_FALSE(world.call(exists_request{"k", {}})->exists);
}

TEST_CASE("a piece without bytes or with too many ends the stream") {
  stepper world;
  world.spawn(make_memory(), [](store_config& x) { x.max_message_size = 10; });
  auto first = open(world, "k");
  CHECK(code_of(world.call(append_stream_request{first, 0, nullptr}))
        == errc::invalid_argument);
  auto second = open(world, "k");
  CHECK(code_of(world.call(piece(second, 0, "0123456789a")))
        == errc::limit_exceeded);
  CHECK(code_of(world.call(close_stream_request{second})) == errc::not_found);
}

TEST_CASE("too many streams are refused until one ends") {
  stepper world;
  world.spawn(make_memory(), [](store_config& x) { x.max_streams = 2; });
  auto first = open(world, "a");
  open(world, "b");
  open_stream_request third;
  third.key = "c";
  CHECK(code_of(world.call(third)) == errc::overloaded);
  REQUIRE(world.call(abort_stream_request{first}));
  CHECK(world.call(third));
}

TEST_CASE("the first close counts, whatever comes while it commits") {
  stepper world;
  world.spawn(make_memory());
  auto id = open(world, "k");
  REQUIRE(world.call(piece(id, 0, "content")));
  auto closing = world.ask(close_stream_request{id});
  world.run_without(writer);
  auto again = world.ask(close_stream_request{id});
  auto more = world.ask(piece(id, 1, "x"));
  auto aborting = world.ask(abort_stream_request{id});
  world.run_without(writer);
  CHECK_FALSE(closing.answered());
  CHECK(code_of(again.take()) == errc::invalid_argument);
  CHECK(code_of(more.take()) == errc::invalid_argument);
  CHECK_FALSE(aborting.answered());
  world.run();
  CHECK(closing.take());
  auto aborted = aborting.take();
  REQUIRE(aborted);
  CHECK_FALSE(aborted->existed);
  CHECK(content_of(world, "k") == "content");
}

TEST_CASE("conditions of a stream are checked when it opens and closes") {
  stepper world;
  world.spawn(make_memory());
  auto rev = world.call(put("k", 1))->rev;
  open_stream_request req;
  req.key = "k";
  CHECK(code_of(world.call(if_absent(req))) == errc::precondition_failed);
  CHECK(code_of(world.call(if_revision(req, revision{})))
        == errc::precondition_failed);
  auto stream = world.call(if_revision(req, rev));
  REQUIRE(stream);
  REQUIRE(world.call(put("k", 2)));
  CHECK(code_of(world.call(close_stream_request{stream->stream}))
        == errc::precondition_failed);
  CHECK(world.call(get("k"))->content == value{2});
}

TEST_CASE("a stream carries extras and a time to live") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(with_extras(put("k", 1), value::map({{"a", 1}}))));
  open_stream_request req;
  req.key = "k";
  auto start = world.now;
  auto stream
    = world.call(with_ttl(with_extras(req, value::map({{"b", 2}})), 10s));
  REQUIRE(stream);
  world.now += 1000;
  REQUIRE(world.call(close_stream_request{stream->stream}));
  auto meta = world.call(metadata_request{"k"});
  REQUIRE(meta);
  CHECK(meta->meta.extras == value::map({{"a", 1}, {"b", 2}}));
  CHECK(meta->meta.expiry == start + 10'000);
  CHECK(meta->meta.last_write == world.now);
  CHECK(meta->meta.type == content_type::binary);
  auto reserved = value::map({{value::keyword("type"), 1}});
  CHECK(code_of(world.call(with_extras(req, reserved)))
        == errc::invalid_argument);
  CHECK(code_of(world.call(with_ttl(req, -1ms))) == errc::invalid_argument);
}

TEST_CASE("a stream is refused when the metadata it took over has changed") {
  stepper world;
  world.spawn(make_memory());
  auto id = open(world, "k");
  REQUIRE(world.call(with_extras(put("k", 1), value::map({{"a", 1}}))));
  CHECK(code_of(world.call(close_stream_request{id})) == errc::conflict);
  CHECK(world.call(get("k"))->content == value{1});
}

TEST_CASE("an engine that fails to stage fails the stream only") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  auto failing = backend_call::stage;
  engine->inject([&](backend_call call, std::string_view) {
    std::optional<error> result;
    if (call == failing)
      result = error{errc::io_error, "injected"};
    return result;
  });
  open_stream_request req;
  req.key = "k";
  CHECK(code_of(world.call(req)) == errc::io_error);
  failing = backend_call::append;
  auto first = open(world, "k");
  CHECK(code_of(world.call(piece(first, 0, std::string(600'000, 'x'))))
        == errc::io_error);
  CHECK(code_of(world.call(close_stream_request{first})) == errc::not_found);
  failing = backend_call::set_prefix;
  auto second = open(world, "k");
  CHECK(code_of(world.call(close_stream_request{second})) == errc::io_error);
  failing = backend_call::commit;
  auto third = open(world, "k");
  CHECK(code_of(world.call(close_stream_request{third})) == errc::io_error);
  engine->inject({});
  auto last = open(world, "k");
  CHECK(world.call(close_stream_request{last}));
}

TEST_CASE("an engine that cannot stage refuses streams") {
  stepper world;
  world.spawn(std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.staging = false; }));
  open_stream_request req;
  req.key = "k";
  CHECK(code_of(world.call(req)) == errc::unsupported);
}

TEST_CASE("a stream of a key that no store has is refused") {
  stepper world;
  world.spawn(make_memory());
  open_stream_request req;
  req.key = std::string{"\xFF"};
  CHECK(code_of(world.call(req)) == errc::invalid_argument);
}

#endif
