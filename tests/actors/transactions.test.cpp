// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What batches and transactions do, and how they fail.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"
#  include "transactions.hpp"

#  include "larder/key.hpp"

#  include <stdexcept>

using namespace larder;
using namespace larder::test;

namespace {

constexpr size_t owners = 3;

void use_several_owners(store_config& cfg) {
  cfg.key_actors = owners;
}

/// A store with several key actors, and functions that go wrong.
class small_world : public stepper {
public:
  explicit small_world(std::shared_ptr<backend> engine = make_memory()) {
    spawn(std::move(engine), [](store_config& cfg) {
      use_several_owners(cfg);
      auto bad = [](const value*, std::span<const value>) -> expected<value> {
        throw std::runtime_error{"bad luck"};
      };
      REQUIRE(cfg.functions.add("throw", bad));
    });
  }

  /// The value of a key; nil if it is missing.
  value at(const value& key) {
    auto request = get(key);
    request.fallback = value{};
    auto reply = call(request);
    REQUIRE(reply);
    return reply->content;
  }
};

template <class Reply>
const Reply& result(const transact_reply& reply, size_t i) {
  return std::get<Reply>(reply.results.at(i));
}

bool mentions(const error& err, std::string_view what) {
  INFO(err.message());
  return err.message().find(what) != std::string::npos;
}

const value a = key_of(2, owners);
const value b = key_of(0, owners);
const value c = key_of(1, owners);

} // namespace

// -- conditions ---------------------------------------------------------------

TEST_CASE("the conditions of a transaction decide which branch runs") {
  small_world world;
  auto rev = world.call(put(a, value::map({{"x", 1}})))->rev;
  auto holds = [&](const transact_condition& x) {
    auto reply = world.call(transact_request{{x}, {}, {get(a)}});
    REQUIRE(reply);
    CHECK(reply->results.size() == (reply->succeeded ? 0 : 1));
    return reply->succeeded;
  };
  CHECK(holds(present(a)));
  CHECK(holds(present(a, {"x"})));
  CHECK_FALSE(holds(present(a, {"y"})));
  CHECK_FALSE(holds(present(b)));
  CHECK_FALSE(holds(absent(a)));
  CHECK(holds(absent(a, {"y"})));
  CHECK(holds(absent(b)));
  CHECK(holds(absent(b, {"x"})));
  CHECK(holds(has_revision(a, rev)));
  CHECK_FALSE(holds(has_revision(a, {})));
  CHECK_FALSE(holds(has_revision(b, {})));
  CHECK(holds(equals(a, {}, value::map({{"x", 1}}))));
  CHECK(holds(equals(a, {"x"}, 1)));
  CHECK_FALSE(holds(equals(a, {"x"}, 2)));
  CHECK_FALSE(holds(equals(a, {"y"}, value{})));
  CHECK_FALSE(holds(equals(b, {}, value{})));
}

TEST_CASE("all conditions must hold") {
  small_world world;
  REQUIRE(world.call(put(a, 1)));
  REQUIRE(world.call(put(b, 2)));
  auto reply = world.call(
    transact_request{{equals(a, {}, 1), equals(b, {}, 3)}, {put(a, 10)}, {}});
  REQUIRE(reply);
  CHECK_FALSE(reply->succeeded);
  CHECK(world.at(a) == value{1});
  reply = world.call(
    transact_request{{equals(a, {}, 1), equals(b, {}, 2)}, {put(a, 10)}, {}});
  REQUIRE(reply);
  CHECK(reply->succeeded);
  CHECK(world.at(a) == value{10});
}

TEST_CASE("a condition on what has no values fails with its position") {
  small_world world;
  REQUIRE(world.call(write(b, "bytes")));
  auto reply
    = world.call(transact_request{{absent(a), equals(b, {}, 1)}, {}, {}});
  REQUIRE(code_of(reply) == errc::wrong_type);
  CHECK(mentions(reply.error(), "condition 2"));
  CHECK(world.call(transact_request{{present(b)}, {}, {}})->succeeded);
}

// -- operations ---------------------------------------------------------------

TEST_CASE("each operation sees the effect of those before it") {
  small_world world;
  REQUIRE(world.call(put(c, value::map({{"n", 1}}))));
  auto erase_n = erase(c);
  erase_n.steps = {"n"};
  auto reply = world.call(transact({put(a, 1), update(a, "inc"), get(a),
                                    erase(b), update(c, "assoc", {"m", 2}),
                                    erase_n, get(c), erase(a), erase(a)}));
  REQUIRE(reply);
  CHECK(reply->succeeded);
  REQUIRE(reply->results.size() == 9);
  CHECK(result<put_reply>(*reply, 0).rev.valid());
  CHECK(result<update_reply>(*reply, 1).before == value{1});
  CHECK(result<update_reply>(*reply, 1).after == value{2});
  CHECK(result<get_reply>(*reply, 2).content == value{2});
  CHECK_FALSE(result<erase_reply>(*reply, 3).existed);
  CHECK(result<erase_reply>(*reply, 5).existed);
  CHECK(result<get_reply>(*reply, 6).content == value::map({{"m", 2}}));
  CHECK(result<erase_reply>(*reply, 7).existed);
  CHECK_FALSE(result<erase_reply>(*reply, 8).existed);
  CHECK(world.at(a) == value{});
  CHECK(world.at(c) == value::map({{"m", 2}}));
}

TEST_CASE("a transaction answers the revisions that its keys have then") {
  small_world world;
  auto reply = world.call(transact({put(a, 1), put(b, 2)}));
  REQUIRE(reply);
  CHECK(world.call(get(a))->rev == result<put_reply>(*reply, 0).rev);
  CHECK(world.call(get(b))->rev == result<put_reply>(*reply, 1).rev);
}

TEST_CASE("what an operation asks for beside its value is done") {
  small_world world;
  auto with_all
    = with_ttl(with_extras(put(a, 1), value::map({{"by", "me"}})), 1000ms);
  REQUIRE(world.call(transact({with_all, put(b, 1)})));
  auto meta = world.call(metadata_request{a});
  REQUIRE(meta);
  CHECK(meta->meta.extras == value::map({{"by", "me"}}));
  CHECK(meta->meta.expiry == world.now + 1000);
  world.advance(1000ms);
  CHECK(world.at(a) == value{});
  CHECK(
    world.call(transact_request{{absent(a), present(b)}, {}, {}})->succeeded);
}

TEST_CASE("a transaction without keys is over at once") {
  small_world world;
  auto reply = world.call(transact_request{});
  REQUIRE(reply);
  CHECK(reply->succeeded);
  CHECK(reply->results.empty());
}

TEST_CASE("what was made and erased in a transaction is never stored") {
  auto engine = std::make_shared<recording_backend>(make_memory());
  small_world world{engine};
  engine->take_calls();
  REQUIRE(world.call(transact({put(a, 1), put(b, 1), erase(a), erase(b)})));
  for (auto& call : engine->take_calls())
    CHECK(call.call != backend_call::commit);
  CHECK(world.at(a) == value{});
}

TEST_CASE("the changes of a transaction are one commit") {
  auto engine = std::make_shared<recording_backend>(make_memory());
  small_world world{engine};
  REQUIRE(world.call(put(c, 1)));
  engine->take_calls();
  REQUIRE(world.call(transact({put(a, 1), put(b, 1), get(c), put(a, 2)})));
  auto commits = 0;
  for (auto& call : engine->take_calls())
    if (call.call == backend_call::commit) {
      ++commits;
      CHECK(call.keys.size() == 2);
    }
  CHECK(commits == 1);
}

// -- failures -----------------------------------------------------------------

TEST_CASE("the operation that fails is named, and nothing is changed") {
  small_world world;
  REQUIRE(world.call(put(a, 1)));
  REQUIRE(world.call(put(b, "text")));
  REQUIRE(world.call(write(c, "bytes")));
  auto fails = [&](transact_operation second, errc code) {
    auto reply = world.call(transact({put(a, 100), std::move(second)}));
    REQUIRE(code_of(reply) == code);
    CHECK(mentions(reply.error(), "operation 2"));
    CHECK(world.at(a) == value{1});
    CHECK(world.at(b) == value{"text"});
  };
  fails(update(b, "inc"), errc::wrong_type);
  fails(update(b, "no-such-function"), errc::unknown_function);
  fails(update(b, "throw"), errc::function_failed);
  fails(get(key_of(0, owners, 7)), errc::not_found);
  fails(get(c), errc::wrong_type);
  fails(if_absent(put(b, 1)), errc::precondition_failed);
  fails(if_revision(put(b, 1), {}), errc::precondition_failed);
  fails(put_at(b, {"x"}, 1), errc::invalid_path);
  fails(with_ttl(put(b, 1), -1ms), errc::invalid_argument);
  fails(with_extras(put(b, 1), 5), errc::invalid_argument);
}

TEST_CASE("more keys than are allowed are too many") {
  stepper world;
  world.spawn(make_memory(), [](store_config& cfg) {
    use_several_owners(cfg);
    cfg.max_transaction_keys = 3;
  });
  CHECK(world.call(transact({put(1, 1), put(2, 1), put(3, 1), put(1, 2)})));
  CHECK(code_of(world.call(
          transact_request{{present(1), present(2)}, {put(3, 1)}, {put(4, 1)}}))
        == errc::limit_exceeded);
  CHECK(code_of(world.call(multi_get({1, 2, 3, 4}))) == errc::limit_exceeded);
  CHECK(code_of(world.call(multi_erase({1, 2, 3, 4}))) == errc::limit_exceeded);
  CHECK(world.call(multi_erase({1, 2, 3, 4}, atomicity::best_effort)));
}

TEST_CASE("an engine without groups changes one key at a time") {
  small_world world{std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.atomic_groups = false; })};
  REQUIRE(world.call(put(c, 1)));
  auto reply = world.call(transact({put(a, 1), put(b, 1)}));
  CHECK(code_of(reply) == errc::unsupported);
  CHECK(code_of(world.call(multi_put({{a, 1}, {b, 1}}))) == errc::unsupported);
  CHECK(code_of(world.call(multi_erase({a, c}))) == std::nullopt);
  CHECK(world.at(a) == value{});
  CHECK(world.call(transact_request{{absent(a)}, {put(b, 1), get(b)}, {}}));
  CHECK(world.at(b) == value{1});
  CHECK(world.call(multi_put({{a, 1}, {c, 1}}, atomicity::best_effort)));
  CHECK(world.call(multi_get({a, b, c}))->found.size() == 3);
}

TEST_CASE("a failed commit fails the transaction, and what is true is read") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  small_world world{engine};
  REQUIRE(world.call(multi_put({{a, 1}, {b, 1}, {c, 1}})));
  engine->inject([](backend_call call, std::string_view key) {
    std::optional<error> result;
    if (call == backend_call::commit && key == *encode_key(a))
      result = error{errc::io_error, "injected", true};
    return result;
  });
  auto reply = world.call(transact({put(a, 2), put(b, 2), get(c)}));
  REQUIRE(code_of(reply) == errc::io_error);
  CHECK(reply.error().data_loss());
  CHECK(mentions(reply.error(), "injected"));
  engine->inject({});
  CHECK(world.at(a) == value{1});
  CHECK(world.at(b) == value{1});
  CHECK(world.call(transact({update(a, "inc"), update(b, "inc")})));
  CHECK(world.at(a) == value{2});
}

TEST_CASE("a key that cannot be read fails the transaction") {
  auto inner = make_memory();
  auto engine = std::make_shared<fault_injecting_backend>(inner);
  small_world world{engine};
  engine->inject([](backend_call call, std::string_view key) {
    std::optional<error> result;
    if (call == backend_call::read && key == *encode_key(c))
      result = error{errc::io_error, "injected"};
    return result;
  });
  CHECK(code_of(world.call(transact({put(a, 1), update(c, "inc")})))
        == errc::io_error);
  CHECK(code_of(world.call(multi_get({a, b, c}))) == errc::io_error);
  engine->inject({});
  CHECK(world.at(a) == value{});
  // A damaged blob can be erased, not read.
  write_blob(*inner, *encode_key(c), bytes(100, std::byte{7}));
  CHECK(code_of(world.call(transact({put(a, 1), get(c)}))) == errc::corruption);
  CHECK(code_of(world.call(multi_get({a, c}))) == errc::corruption);
  CHECK(world.call(transact({put(a, 1), erase(c)})));
  CHECK_FALSE(world.call(exists_request{c, {}})->exists);
}

TEST_CASE("what no commit can take is refused before anything is written") {
  small_world world{std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.max_blob_size = 1000; })};
  auto reply
    = world.call(transact({put(a, 1), put(b, std::string(2000, 'x'))}));
  CHECK(code_of(reply) == errc::limit_exceeded);
  CHECK(world.at(a) == value{});
}

TEST_CASE("a store that is being closed takes no more transactions") {
  small_world world;
  auto under_way = world.ask(transact({put(a, 1), put(b, 1)}));
  world.run_without(writer);
  CHECK_FALSE(under_way.answered());
  auto closing = world.ask(close_request{});
  world.run_without(writer);
  auto late = world.ask(transact({put(a, 2), put(b, 2)}));
  auto late_get = world.ask(multi_get({a, b}));
  world.run();
  CHECK(under_way.take());
  CHECK(closing.take());
  CHECK(code_of(late.take()) == errc::closed);
  CHECK(code_of(late_get.take()) == errc::closed);
  world.store = nullptr;
}

// -- batches ------------------------------------------------------------------

TEST_CASE("multi_get answers what is there, in the order asked for") {
  small_world world;
  auto rev_a = world.call(put(a, 1))->rev;
  auto rev_b = world.call(put(b, value{}))->rev;
  REQUIRE(world.call(with_ttl(put("expired", 1), 10ms)));
  world.now += 10;
  auto reply = world.call(multi_get({b, "expired", c, a, b}));
  REQUIRE(reply);
  REQUIRE(reply->found.size() == 3);
  CHECK(reply->found[0].key == b);
  CHECK(reply->found[0].content == value{});
  CHECK(reply->found[0].rev == rev_b);
  CHECK(reply->found[1].key == a);
  CHECK(reply->found[1].content == value{1});
  CHECK(reply->found[1].rev == rev_a);
  CHECK(reply->found[2].key == b);
  CHECK(world.call(multi_get({}))->found.empty());
  CHECK(world.call(multi_get({c}))->found.empty());
}

TEST_CASE("multi_get of a binary is an error") {
  small_world world;
  REQUIRE(world.call(put(a, 1)));
  REQUIRE(world.call(write(b, "bytes")));
  CHECK(code_of(world.call(multi_get({a, b}))) == errc::wrong_type);
}

TEST_CASE("multi_get waits for the changes under way") {
  small_world world;
  REQUIRE(world.call(put(a, 1)));
  auto change = world.ask(put(a, 2));
  world.run_without(writer);
  auto reading = world.ask(multi_get({a, b}));
  world.run_without(writer);
  CHECK_FALSE(reading.answered());
  world.run();
  REQUIRE(change.take());
  CHECK(reading.take()->found.at(0).content == value{2});
}

TEST_CASE("multi_put stores all, the later of two values for a key") {
  small_world world;
  auto request = multi_put({{a, 1}, {b, 2}, {a, 3}});
  request.extras = value::map({{"by", "me"}});
  request.ttl = 1000ms;
  auto reply = world.call(request);
  REQUIRE(reply);
  REQUIRE(reply->outcomes.size() == 3);
  CHECK(reply->outcomes[0].key == a);
  CHECK(reply->outcomes[1].rev == world.call(get(b))->rev);
  CHECK(reply->outcomes[2].rev == world.call(get(a))->rev);
  CHECK(world.at(a) == value{3});
  for (auto& key : {a, b}) {
    auto meta = world.call(metadata_request{key})->meta;
    CHECK(meta.extras == value::map({{"by", "me"}}));
    CHECK(meta.expiry == world.now + 1000);
  }
}

TEST_CASE("metadata of a batch is for one key or for all") {
  small_world world;
  auto mode = GENERATE(atomicity::atomic, atomicity::best_effort);
  auto request = multi_put({{a, 1}, {b, 2}}, mode);
  request.entries[1].extras = value::map({{"of", "b"}});
  REQUIRE(world.call(request));
  CHECK(world.call(metadata_request{a})->meta.extras == value::map());
  CHECK(world.call(metadata_request{b})->meta.extras
        == value::map({{"of", "b"}}));
  request.extras = value::map({{"of", "all"}});
  CHECK(code_of(world.call(request)) == errc::invalid_argument);
}

TEST_CASE("multi_erase removes keys of any kind and says which existed") {
  small_world world;
  REQUIRE(world.call(put(a, 1)));
  REQUIRE(world.call(write(b, "bytes")));
  auto mode = GENERATE(atomicity::atomic, atomicity::best_effort);
  auto reply = world.call(multi_erase({a, c, b}, mode));
  REQUIRE(reply);
  REQUIRE(reply->outcomes.size() == 3);
  CHECK(reply->outcomes[0].existed);
  CHECK_FALSE(reply->outcomes[1].existed);
  CHECK(reply->outcomes[2].existed);
  for (auto& key : {a, b, c})
    CHECK_FALSE(world.call(exists_request{key, {}})->exists);
}

TEST_CASE("a best-effort batch goes key by key and ends at a failure") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  auto recorder = std::make_shared<recording_backend>(engine);
  small_world world{recorder};
  recorder->take_calls();
  REQUIRE(
    world.call(multi_put({{a, 1}, {b, 1}, {c, 1}}, atomicity::best_effort)));
  std::vector<std::string> order;
  for (auto& call : recorder->take_calls())
    if (call.call == backend_call::commit) {
      REQUIRE(call.keys.size() == 1);
      order.push_back(call.keys[0]);
    }
  CHECK(order
        == std::vector<std::string>{*encode_key(a), *encode_key(b),
                                    *encode_key(c)});
  engine->inject([](backend_call call, std::string_view key) {
    std::optional<error> result;
    if (call == backend_call::commit && key == *encode_key(b))
      result = error{errc::io_error, "injected"};
    return result;
  });
  auto reply
    = world.call(multi_put({{a, 2}, {b, 2}, {c, 2}}, atomicity::best_effort));
  REQUIRE(reply);
  REQUIRE(reply->outcomes.size() == 3);
  CHECK_FALSE(reply->outcomes[0].failure);
  CHECK(reply->outcomes[0].rev == world.call(get(a))->rev);
  REQUIRE(reply->outcomes[1].failure);
  CHECK(reply->outcomes[1].failure->code() == errc::io_error);
  REQUIRE(reply->outcomes[2].failure);
  CHECK(reply->outcomes[2].failure->code() == errc::conflict);
  CHECK(world.at(a) == value{2});
  CHECK(world.at(c) == value{1});
}

TEST_CASE("requests on several keys are counted as what they are") {
  small_world world;
  REQUIRE(world.call(multi_put({{a, 1}, {b, 1}})));
  REQUIRE(world.call(multi_put({{a, 1}}, atomicity::best_effort)));
  REQUIRE(world.call(multi_get({a, b})));
  REQUIRE(world.call(multi_erase({a, b})));
  CHECK_FALSE(world.call(transact({get(a)})));
  auto all = world.call(statistics_request{})->statistics;
  auto count = [&](std::string_view kind, std::string_view what) {
    return *get_in(all, path{value::keyword("operations"), value::keyword(kind),
                             value::keyword(what)});
  };
  CHECK(count("multi-put", "count") == value{2});
  CHECK(count("multi-get", "count") == value{1});
  CHECK(count("multi-erase", "count") == value{1});
  CHECK(count("transact", "count") == value{1});
  CHECK(count("transact", "errors") == value{1});
}

#endif
