// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Append logs in transactions, batches and sweeps, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "log_tools.hpp"
#  include "sweeps.hpp"
#  include "transactions.hpp"

using namespace larder;
using namespace larder::test;

namespace {

/// A store with a key of each kind.
struct log_world : stepper {
  std::shared_ptr<backend> engine = make_memory();

  explicit log_world(size_t segments = 3) {
    spawn(engine, [](store_config& cfg) { cfg.key_actors = 3; });
    for (; segments > 0; segments -= std::min<size_t>(segments, 250))
      REQUIRE(
        call(append("log", large_entries(std::min<size_t>(segments, 250)))));
    REQUIRE(call(put("value", 1)));
    REQUIRE(call(write("binary", "content")));
  }

  revision revision_of(value key) {
    auto reply = call(metadata_request{std::move(key)});
    REQUIRE(reply);
    return reply->meta.rev;
  }
};

} // namespace

// -- transactions -------------------------------------------------------------

TEST_CASE("a log that a transaction erases goes with all its segments") {
  size_t segments = GENERATE(1, 3, 256, 300, 600);
  CAPTURE(segments);
  log_world world{segments};
  REQUIRE(hidden_blobs(*world.engine) == segments);
  SECTION("erased for good") {
    auto reply
      = world.call(transact({erase("log"), erase("binary"), put("value", 2)}));
    REQUIRE(reply);
    CHECK(std::get<erase_reply>(reply->results[0]).existed);
    CHECK(raw_keys(*world.engine) == std::vector<std::string>{"\"value"});
  }
  SECTION("in a batch") {
    REQUIRE(world.call(multi_erase({"value", "log"})));
    CHECK(raw_keys(*world.engine) == std::vector<std::string>{"\"binary"});
  }
  SECTION("in a batch key by key") {
    REQUIRE(world.call(multi_erase({"log", "value"}, atomicity::best_effort)));
    CHECK(raw_keys(*world.engine) == std::vector<std::string>{"\"binary"});
  }
  SECTION("and replaced by a value") {
    REQUIRE(world.call(transact({erase("log"), put("log", "no log")})));
    CHECK(world.call(get("log"))->content == value{"no log"});
    CHECK(hidden_blobs(*world.engine) == 0);
  }
}

TEST_CASE("a transaction that fails leaves its logs as they were") {
  log_world world;
  auto keys = raw_keys(*world.engine);
  CHECK(code_of(world.call(transact(
          {erase("log"), put("log", 1), update("value", "no such function")})))
        == errc::unknown_function);
  CHECK(raw_keys(*world.engine) == keys);
  CHECK(world.call(read_log("log"))->entries.size() == 3);
}

TEST_CASE("a transaction puts nothing over a log") {
  log_world world;
  for (auto& operation : operations{put("log", 1), put_at("log", path{"x"}, 1),
                                    update("log", "inc"), get("log")})
    CHECK(code_of(world.call(transact({put("value", 2), operation})))
          == errc::wrong_type);
  CHECK(code_of(world.call(multi_put({{"value", 2}, {"log", 2}})))
        == errc::wrong_type);
  CHECK(code_of(world.call(multi_get({"value", "log"}))) == errc::wrong_type);
  CHECK(world.call(get("value"))->content == value{1});
  CHECK(world.call(read_log("log"))->entries.size() == 3);
}

TEST_CASE("a transaction asks whether there is a log, and of which revision") {
  log_world world;
  auto decides = [&world](const transact_condition& condition) {
    auto reply = world.call(transact_request{{condition}, {}, {}});
    REQUIRE(reply);
    return reply->succeeded;
  };
  CHECK(decides(present("log")));
  CHECK_FALSE(decides(absent("log")));
  auto rev = world.revision_of("log");
  CHECK(decides(has_revision("log", rev)));
  REQUIRE(world.call(append("log", {1})));
  CHECK_FALSE(decides(has_revision("log", rev)));
  CHECK(decides(has_revision("log", world.revision_of("log"))));
  for (auto& condition : {equals("log", {}, 1), present("log", path{0})})
    CHECK(code_of(world.call(transact_request{{condition}, {}, {}}))
          == errc::wrong_type);
}

TEST_CASE("appends wait for a transaction that holds their log") {
  log_world world;
  auto holding = world.ask(transact({erase("log"), put("value", 2)}));
  world.run_without(writer);
  auto appending = world.ask(append("log", {"new"}));
  auto reading = world.ask(read_log("log"));
  world.run_without(writer);
  CHECK_FALSE(appending.answered());
  CHECK_FALSE(reading.answered());
  world.run();
  CHECK(holding.take());
  CHECK(appending.take()->first == 0);
  CHECK(reading.take()->entries == std::vector<value>{"new"});
  CHECK(hidden_blobs(*world.engine) == 0);
}

TEST_CASE("a transaction takes the place of a log that has expired") {
  size_t segments = GENERATE(3, 300);
  log_world world;
  REQUIRE(world.call(with_ttl(append("old", large_entries(segments)), 1s)));
  world.now += 1000;
  auto reply = world.call(
    transact_request{{absent("old")}, {put("old", 1), erase("log")}, {}});
  REQUIRE(reply);
  CHECK(reply->succeeded);
  CHECK(world.call(get("old"))->content == value{1});
  CHECK(hidden_blobs(*world.engine) == 0);
}

// -- sweeps -------------------------------------------------------------------

TEST_CASE("a sweep deletes logs as a whole and spares those it keeps") {
  size_t segments = GENERATE(3, 300);
  log_world world{segments};
  REQUIRE(world.call(append("kept", large_entries(5))));
  world.now += 1000;
  auto sweep = begin_sweep(world);
  REQUIRE(world.call(append("young", large_entries(7))));
  keep_keys(world, sweep, {"kept", "value"});
  auto result = sweep_all(world, sweep);
  CHECK(result.deleted == std::set<value>{"log", "binary"});
  CHECK(result.kept == 2);
  CHECK(result.young == 1);
  CHECK(hidden_blobs(*world.engine) == 12);
  CHECK(world.call(read_log("kept"))->entries.size() == 5);
  CHECK(world.call(read_log("young"))->entries.size() == 7);
}

TEST_CASE("a log that grows while it is swept is spared with all it holds") {
  log_world world;
  world.now += 1000;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {"value", "binary"});
  // Not durable when the log is listed, and before the erasure in its line.
  auto growing = world.ask(append("log", large_entries(2)));
  world.run_without(writer);
  auto page = world.ask(sweep_page_request{sweep, 1000});
  world.run_without(writer);
  CHECK_FALSE(page.answered());
  world.run();
  CHECK(growing.take());
  auto reply = page.take();
  REQUIRE(reply);
  CHECK(reply->young == 1);
  CHECK(reply->deleted.empty());
  CHECK(world.call(read_log("log"))->entries.size() == 5);
  CHECK(hidden_blobs(*world.engine) == 5);
}

TEST_CASE("a segment that cannot be erased keeps a log from being swept") {
  auto inner = make_memory();
  auto engine = std::make_shared<fault_injecting_backend>(inner);
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(append("log", large_entries(3))));
  world.now += 1000;
  engine->inject([](backend_call call,
                    std::string_view key) -> std::optional<error> {
    if (call != backend_call::commit || !key.starts_with(std::string{"\0S", 2}))
      return std::nullopt;
    return error{errc::io_error, "injected"};
  });
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto result = sweep_all(world, sweep);
  CHECK(result.deleted.empty());
  REQUIRE(result.undecided.size() == 1);
  CHECK(result.undecided[0].key == value{"log"});
  engine->inject({});
  CHECK(world.call(read_log("log"))->entries.size() == 3);
}

#endif
