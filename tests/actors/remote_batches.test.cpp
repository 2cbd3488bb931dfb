// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Requests on several keys over a connection.

#include "engines.hpp"
#include "remote_fixture.hpp"
#include "transactions.hpp"

#include "larder/store.hpp"

using namespace larder;
using namespace larder::remote_test;
using namespace larder::test;

namespace {

/// A served store, and a client of it over a connection.
class far_store {
public:
  far_store() {
    auto config = open_store("memory:");
    REQUIRE(config);
    config->max_transaction_keys = 5;
    store_ = server_.own(spawn_store(server_.system(), std::move(*config)));
    auto served = server_.serve(store_);
    connection_ = client_.connect(served.port);
  }

  template <class Request>
  expected<typename Request::reply_type> call(Request req) {
    return ask(client_.system(), connection_, std::move(req));
  }

private:
  peer server_;
  peer client_;
  caf::actor store_;
  caf::actor connection_;
};

update_request inc(value key) {
  update_request result;
  result.key = std::move(key);
  result.function = "inc";
  return result;
}

template <class T>
std::optional<errc> code_of(const expected<T>& x) {
  if (x)
    return std::nullopt;
  return x.error().code();
}

} // namespace

TEST_CASE("batches go over a connection") {
  far_store store;
  auto put = store.call(multi_put({{"a", 1}, {"b", "text"}, {"c", 3}}));
  REQUIRE(put);
  REQUIRE(put->outcomes.size() == 3);
  auto got = store.call(multi_get({"c", "missing", "a"}));
  REQUIRE(got);
  REQUIRE(got->found.size() == 2);
  CHECK(got->found[0].key == value{"c"});
  CHECK(got->found[0].content == value{3});
  CHECK(got->found[0].rev == put->outcomes[2].rev);
  CHECK(got->found[1].content == value{1});
  auto erased
    = store.call(multi_erase({"a", "missing"}, atomicity::best_effort));
  REQUIRE(erased);
  REQUIRE(erased->outcomes.size() == 2);
  CHECK(erased->outcomes[0].existed);
  CHECK_FALSE(erased->outcomes[1].existed);
}

TEST_CASE("transactions go over a connection, with their errors") {
  far_store store;
  REQUIRE(store.call(multi_put({{"a", 1}, {"b", "text"}})));
  auto reply = store.call(transact_request{
    {equals("a", {}, 1), absent("c")},
    {inc("a"), put_of("c", 5), erase_request{"b", {}, {}}, get_of("a")},
    {get_of("b")}});
  REQUIRE(reply);
  CHECK(reply->succeeded);
  REQUIRE(reply->results.size() == 4);
  CHECK(std::get<update_reply>(reply->results[0]).after == value{2});
  CHECK(std::get<put_reply>(reply->results[1]).rev.valid());
  CHECK(std::get<erase_reply>(reply->results[2]).existed);
  CHECK(std::get<get_reply>(reply->results[3]).content == value{2});
  auto failed = store.call(transact({inc("a"), get_of("b")}));
  REQUIRE(code_of(failed) == errc::not_found);
  CHECK(failed.error().message().find("operation 2") != std::string::npos);
  CHECK(store.call(get_of("a"))->content == value{2});
  CHECK(code_of(store.call(multi_get({1, 2, 3, 4, 5, 6})))
        == errc::limit_exceeded);
}

TEST_CASE("the outcome of each key of a batch goes over a connection") {
  far_store store;
  auto request
    = multi_put({{"a", 1}, {"b", 2}, {"c", 3}}, atomicity::best_effort);
  request.entries[1].extras = value::map({{value::keyword("key"), 1}});
  auto reply = store.call(request);
  REQUIRE(reply);
  REQUIRE(reply->outcomes.size() == 3);
  CHECK_FALSE(reply->outcomes[0].failure);
  REQUIRE(reply->outcomes[1].failure);
  CHECK(reply->outcomes[1].failure->code() == errc::invalid_argument);
  REQUIRE(reply->outcomes[2].failure);
  CHECK(reply->outcomes[2].failure->code() == errc::conflict);
}
