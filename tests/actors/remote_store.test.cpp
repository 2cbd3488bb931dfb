// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Everything a store does, done from another actor system.

#include "random_value.hpp"
#include "remote_fixture.hpp"

#include "larder/blocking_client.hpp"
#include "larder/store.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace larder;
using namespace larder::remote_test;
using namespace larder::test;

namespace {

/// A store on memory, served, and a client of it in another actor system.
struct remote_store {
  remote_store() {
    auto spawned = spawn_store(server.system(), "memory:");
    REQUIRE(spawned);
    store = server.own(*spawned);
    served = server.serve(store);
    connection = peer_.connect(served.port);
    client.emplace(peer_.system(), connection);
  }

  blocking_client* operator->() {
    return &*client;
  }

  peer server;
  peer peer_;
  caf::actor store;
  served_store served;
  caf::actor connection;
  std::optional<blocking_client> client;
};

bytes numbered(size_t size) {
  bytes result(size);
  for (size_t i = 0; i < size; ++i)
    result[i] = static_cast<std::byte>(i * 7 + i / 251);
  return result;
}

template <class T>
errc code_of(const expected<T>& x) {
  REQUIRE(!x);
  return x.error().code();
}

} // namespace

// -- values -------------------------------------------------------------------

TEST_CASE("a remote store keeps values of all kinds") {
  remote_store db;
  random_source rng{6};
  for (int i = 0; i < 200; ++i) {
    auto key = random_value(rng);
    auto content = random_value(rng);
    REQUIRE(db->put(key, content));
    auto res = db->get(key);
    REQUIRE(res);
    REQUIRE(*res == content);
  }
}

TEST_CASE("paths lead into the values of a remote store") {
  remote_store db;
  CHECK(db->put_in("user", {"address", "city"}, "Bern"));
  CHECK(db->get("user", {"address", "city"}) == value{"Bern"});
  CHECK(db->exists("user", {"address"}) == true);
  CHECK(db->exists("user", {"phone"}) == false);
  CHECK(code_of(db->get("user", {"phone"})) == errc::not_found);
  CHECK(db->get_or("user", {"phone"}, 7) == value{7});
  CHECK(code_of(db->put_in("user", {"address", "city", "x"}, 1))
        == errc::invalid_path);
  CHECK(db->erase("user", {"address"}) == true);
  CHECK(db->erase("user", {"address"}) == false);
  CHECK(db->get("user") == value::map());
  CHECK(db->erase("user") == true);
  CHECK(code_of(db->get("user")) == errc::not_found);
}

TEST_CASE("a remote store updates by functions that have a name") {
  remote_store db;
  auto first = db->update("counter", {}, "inc");
  REQUIRE(first);
  CHECK(first->before == value{});
  CHECK(first->after == value{1});
  auto second = db->update("counter", {}, "add", {41});
  REQUIRE(second);
  CHECK(second->before == value{1});
  CHECK(second->after == value{42});
  CHECK(second->rev != first->rev);
  CHECK(code_of(db->update("counter", {}, "nonsense"))
        == errc::unknown_function);
  CHECK(code_of(db->update("counter", {}, "conj", {1})) == errc::wrong_type);
  auto lambda = [](const value*) -> expected<value> { return value{1}; };
  CHECK(code_of(db->update_with("counter", {}, lambda)) == errc::unsupported);
}

TEST_CASE("conditions hold across the network") {
  remote_store db;
  auto first = db->put("key", 1);
  REQUIRE(first);
  put_options absent;
  absent.condition.must_be_absent = true;
  CHECK(code_of(db->put("key", 2, absent)) == errc::precondition_failed);
  put_options same;
  same.condition.must_match = *first;
  auto second = db->put("key", 2, same);
  REQUIRE(second);
  CHECK(code_of(db->put("key", 3, same)) == errc::precondition_failed);
  CHECK(db->get("key") == value{2});
}

TEST_CASE("metadata travels, and lives as long as it was told to") {
  remote_store db;
  put_options options;
  options.extras = value::map({{value::keyword("by"), "me"}});
  options.ttl = std::chrono::hours{1};
  auto rev = db->put("key", 1, options);
  REQUIRE(rev);
  auto meta = db->meta("key");
  REQUIRE(meta);
  CHECK(meta->key == value{"key"});
  CHECK(meta->type == content_type::edn);
  CHECK(meta->rev == *rev);
  CHECK(meta->extras == options.extras);
  REQUIRE(meta->expiry);
  CHECK(*meta->expiry > meta->last_write);
  options.ttl = std::chrono::milliseconds{-1};
  CHECK(code_of(db->put("key", 1, options)) == errc::invalid_argument);
  CHECK(code_of(db->meta("none")) == errc::not_found);
}

TEST_CASE("requests under way at the same time keep their order per key") {
  remote_store db;
  std::vector<std::future<expected<update_reply>>> calls;
  for (int i = 0; i < 1'000; ++i)
    calls.push_back(
      db->async(update_request{"counter", {}, "inc", {}, std::nullopt, {}}));
  for (int i = 0; i < 1'000; ++i) {
    auto res = calls[static_cast<size_t>(i)].get();
    REQUIRE(res);
    REQUIRE(res->after == value{i + 1});
  }
}

// -- binaries -----------------------------------------------------------------

TEST_CASE("binaries stream in both directions") {
  remote_store db;
  for (size_t size : {size_t{0}, size_t{1}, size_t{5'000'000}}) {
    auto content = numbered(size);
    size_t sent = 0;
    auto source = [&]() -> expected<bytes> {
      auto n = std::min<size_t>(content.size() - sent, 300'000);
      auto piece = to_bytes(bytes_view{content}.subspan(sent, n));
      sent += n;
      return piece;
    };
    REQUIRE(db->write("film", source));
    bytes received;
    auto sink = [&](bytes_view piece) -> expected<void> {
      append(received, piece);
      return {};
    };
    CHECK(db->read("film", sink) == size);
    CHECK(received == content);
  }
}

TEST_CASE("binaries and their ranges fit into messages") {
  remote_store db;
  auto content = numbered(100'000);
  auto written = db->write("blob", content);
  REQUIRE(written);
  CHECK(db->read("blob") == content);
  auto range = db->call(read_range_request{"blob", 99'990, 100, *written});
  REQUIRE(range);
  CHECK(*range->content == to_bytes(bytes_view{content}.subspan(99'990)));
  CHECK(range->size == content.size());
  CHECK(range->rev == *written);
  CHECK(code_of(db->call(read_range_request{"blob", 100'001, 1, {}}))
        == errc::out_of_range);
  CHECK(code_of(db->get("blob")) == errc::wrong_type);
  CHECK(db->put("value", 1));
  CHECK(code_of(db->read("value")) == errc::wrong_type);
}

TEST_CASE("a stream that is aborted or that nobody opened leaves nothing") {
  remote_store db;
  auto broken = []() -> expected<bytes> {
    return fail(errc::io_error, "the source is gone");
  };
  CHECK(code_of(db->write("film", broken)) == errc::io_error);
  CHECK(db->exists("film") == false);
  auto piece = std::make_shared<const bytes>(10);
  CHECK(code_of(db->call(append_stream_request{4'711, 0, piece}))
        == errc::not_found);
}

TEST_CASE("a binary over the size of a message is refused as a whole") {
  remote_store db;
  write_request req;
  req.key = "blob";
  req.content
    = std::make_shared<const bytes>(store_config{}.max_message_size + 1);
  CHECK(code_of(db->call(req)) == errc::limit_exceeded);
}

// -- the store as a whole -----------------------------------------------------

TEST_CASE("a remote store lists its keys page by page") {
  remote_store db;
  for (int i = 0; i < 25; ++i)
    REQUIRE(db->put("key " + std::to_string(i), i));
  REQUIRE(db->put(value::keyword("other"), 1));
  list_keys_request req;
  req.prefix = "key ";
  req.limit = 10;
  req.with_metadata = true;
  std::vector<value> keys;
  auto add = [&](key_entry& x) -> expected<void> {
    CHECK(x.meta.has_value());
    CHECK(x.damage.empty());
    keys.push_back(x.key);
    return {};
  };
  CHECK(db->for_each_key(req, add));
  CHECK(keys.size() == 25);
  req.after = "not a cursor";
  CHECK(code_of(db->keys(req)) == errc::invalid_argument);
}

TEST_CASE("a remote store tells about itself") {
  remote_store db;
  REQUIRE(db->put("key", 1));
  auto info = db->info();
  REQUIRE(info);
  CHECK(info->find(value::keyword("engine")) != nullptr);
  auto statistics = db->statistics();
  REQUIRE(statistics);
  CHECK(statistics->is(value::kind::map));
  auto verified = db->call(verify_request{"key"});
  REQUIRE(verified);
  CHECK(verified->stored_size > 0);
  CHECK(verified->type == content_type::edn);
  CHECK(code_of(db->call(verify_request{"none"})) == errc::not_found);
}

TEST_CASE("closing from afar closes the connection, not the store") {
  remote_store db;
  REQUIRE(db->put("key", 1));
  CHECK(db->close_store());
  auto code = code_of(db->get("key"));
  CHECK((code == errc::closed || code == errc::unavailable));
  blocking_client local{db.server.system(), db.store};
  CHECK(local.get("key") == value{1});
}

TEST_CASE("a store that is closed at home says so to its remote clients") {
  remote_store db;
  blocking_client local{db.server.system(), db.store};
  REQUIRE(db->put("key", 1));
  CHECK(local.close_store());
  auto code = code_of(db->get("key"));
  CHECK((code == errc::closed || code == errc::unavailable));
}
