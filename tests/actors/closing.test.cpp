// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// However a store ends, everybody gets an answer.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include <vector>

using namespace larder;
using namespace larder::test;

namespace {

/// An engine that tells when it is destroyed.
class mortal_backend : public backend_wrapper {
public:
  mortal_backend(std::shared_ptr<backend> inner, bool& gone)
    : backend_wrapper(std::move(inner)), gone_(gone) {
    // nop
  }

  ~mortal_backend() override {
    gone_ = true;
  }

private:
  bool& gone_;
};

uint64_t open(stepper& world, value key) {
  open_stream_request req;
  req.key = std::move(key);
  auto reply = world.call(std::move(req));
  REQUIRE(reply);
  return reply->stream;
}

} // namespace

TEST_CASE("closing finishes what is under way") {
  auto gone = false;
  auto inner = make_memory();
  stepper world;
  world.spawn(std::make_shared<mortal_backend>(inner, gone));
  auto first = world.ask(put("k", 1));
  world.run_without(writer);
  auto second = world.ask(update("k", "inc"));
  auto read_value = world.ask(get("k"));
  auto load = world.ask(get("other"));
  world.run_without(writer);
  auto closing = world.ask(close_request{});
  world.run_without(writer);
  CHECK_FALSE(closing.answered());
  CHECK_FALSE(gone);
  world.run();
  CHECK(first.take());
  CHECK(second.take()->after == value{2});
  CHECK(read_value.take()->content == value{2});
  CHECK(code_of(load.take()) == errc::not_found);
  CHECK(closing.take());
  CHECK(gone);
  world.spawn(inner);
  CHECK(world.call(get("k"))->content == value{2});
}

TEST_CASE("closing waits for reads that a reader has not answered") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(write("k", "bytes")));
  auto content = world.ask(read("k"));
  world.run_without(reader);
  auto listing = world.ask(list_keys_request{});
  auto checking = world.ask(verify_request{"k"});
  auto closing = world.ask(close_request{});
  world.run_without(reader);
  CHECK_FALSE(closing.answered());
  world.run();
  auto reply = content.take();
  REQUIRE(reply);
  CHECK(as_chars(*reply->content) == "bytes");
  CHECK(listing.take());
  CHECK(checking.take());
  CHECK(closing.take());
}

TEST_CASE("what comes while a store is closing is refused as closed") {
  stepper world;
  world.spawn(make_memory());
  auto stream = open(world, "stream");
  auto routes = world.call(routes_request{});
  REQUIRE(routes);
  auto first = world.ask(put("k", 1));
  world.run_without(writer);
  auto closing = world.ask(close_request{});
  world.run_without(writer);
  auto to_store = world.ask(get("k"));
  auto listing = world.ask(list_keys_request{});
  auto again = world.ask(close_request{});
  auto open_late = world.ask(open_stream_request{"late", {}, {}, {}});
  auto append = world.ask(append_stream_request{stream, 0, nullptr});
  question<get_request> direct{world.system(), routes->key_actors[0], get("k")};
  question<put_request> change{world.system(), routes->key_actors[0],
                               put("k", 2)};
  question<read_range_request> range{world.system(), routes->key_actors[0],
                                     read("k")};
  world.run_without(writer);
  CHECK(code_of(to_store.take()) == errc::closed);
  CHECK(code_of(listing.take()) == errc::closed);
  CHECK(code_of(again.take()) == errc::closed);
  CHECK(code_of(open_late.take()) == errc::closed);
  CHECK(append.answered());
  CHECK_FALSE(append.take());
  CHECK(code_of(direct.take()) == errc::closed);
  CHECK(code_of(change.take()) == errc::closed);
  CHECK(code_of(range.take()) == errc::closed);
  CHECK_FALSE(closing.answered());
  world.run();
  CHECK(first.take());
  CHECK(closing.take());
}

TEST_CASE("closing gives up open streams and finishes those that close") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  auto opened = open(world, "open");
  REQUIRE(world.call(append_stream_request{
    opened, 0, std::make_shared<const bytes>(to_bytes("x"))}));
  auto ending = open(world, "ending");
  auto committed = world.ask(close_stream_request{ending});
  world.run_without(writer);
  auto closing = world.ask(close_request{});
  world.run_without(writer);
  CHECK_FALSE(closing.answered());
  world.run();
  CHECK(committed.take());
  CHECK(closing.take());
  CHECK_FALSE(has_blob(*engine, "\"open"));
  CHECK(has_blob(*engine, "\"ending"));
}

TEST_CASE("nobody hangs when a store gets an exit message") {
  auto gone = false;
  stepper world;
  world.spawn(std::make_shared<mortal_backend>(make_memory(), gone));
  REQUIRE(world.call(write("binary", "bytes")));
  auto stream = open(world, "stream");
  auto opening = world.ask(open_stream_request{"opening", {}, {}, {}});
  auto reading = world.ask(read("binary"));
  auto load = world.ask(get("not cached"));
  world.run_without(reader);
  auto committing = world.ask(put("k", 1));
  world.run_without(writer);
  auto combined = world.ask(update("k", "inc"));
  auto behind = world.ask(get("k"));
  auto closing_stream = world.ask(close_stream_request{stream});
  world.run_without(writer);
  auto in_mailbox = world.ask(get("k"));
  caf::anon_send_exit(world.store, caf::exit_reason::user_shutdown);
  world.run();
  CHECK(gone);
  CHECK(opening.answered());
  CHECK(reading.answered());
  CHECK(load.answered());
  CHECK(committing.answered());
  CHECK(combined.answered());
  CHECK(behind.answered());
  CHECK(closing_stream.answered());
  CHECK(in_mailbox.answered());
}

TEST_CASE("a commit that the end of a store overtakes leaves a doubt") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  auto committing = world.ask(put("k", 1));
  world.run_without(writer);
  auto observer = world.ask(get("k"));
  auto waiting = world.ask(put("k", 2));
  world.run_without(writer);
  caf::anon_send_exit(world.store, caf::exit_reason::user_shutdown);
  world.run_without(writer);
  auto result = committing.take();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::unavailable);
  CHECK(code_of(observer.take()) == errc::closed);
  CHECK(code_of(waiting.take()) == errc::closed);
  world.run();
}

TEST_CASE("a store that has ended is closed to its clients") {
  stepper world;
  world.spawn(make_memory());
  auto routes = world.call(routes_request{});
  REQUIRE(routes);
  auto late = world.ask(get("k"));
  world.close();
  CHECK(late.take().error() == errc::not_found);
  question<get_request> later{world.system(), routes->key_actors[0], get("k")};
  world.run();
  CHECK(code_of(later.take()) == errc::unavailable);
}

#endif
