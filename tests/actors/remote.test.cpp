// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/remote.hpp"

#include "remote_fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <thread>

using namespace larder;
using namespace larder::remote_test;
using namespace std::chrono_literals;

namespace {

/// A server and a client in one process.
struct loopback {
  explicit loopback(serve_options options = {}) {
    store = server.own(spawn_fake_store(server.system()));
    served = server.serve(store, options);
    connection = client.connect(served.port);
  }

  template <class Request>
  auto ask(Request req) {
    return larder::remote_test::ask(client.system(), connection,
                                    std::move(req));
  }

  /// Requests that are under way at the store.
  std::vector<asked<get_request>> start_hanging(size_t n) {
    std::vector<asked<get_request>> result;
    for (size_t i = 0; i < n; ++i)
      result.emplace_back(client.system(), connection, get_of("hang"));
    // Requests keep their order, so they have all arrived by then.
    CHECK(ask(get_of("none")).error() == errc::not_found);
    return result;
  }

  peer server;
  peer client;
  caf::actor store;
  served_store served;
  caf::actor connection;
};

/// Asks until there is an answer from a store.
void wait_until_up(caf::actor_system& sys, const caf::actor& connection) {
  for (;;) {
    auto res = ask(sys, connection, get_of("none"));
    REQUIRE(!res);
    if (res.error() == errc::not_found)
      return;
    REQUIRE(res.error() == errc::unavailable);
    // Nobody tells when a connection is back.
    std::this_thread::sleep_for(5ms);
  }
}

} // namespace

// -- requests and answers -----------------------------------------------------

TEST_CASE("a connection answers like the store it leads to") {
  loopback net;
  auto content = value::vector({1, "two", value::map({{"three", 3.0}})});
  CHECK(net.ask(put_of("key", content)));
  auto got = net.ask(get_of("key"));
  REQUIRE(got);
  CHECK(got->content == content);
  auto local
    = larder::remote_test::ask(net.server.system(), net.store, get_of("key"));
  REQUIRE(local);
  CHECK(local->content == content);
}

TEST_CASE("errors arrive with code, message and data-loss mark") {
  loopback net;
  auto res = net.ask(get_of("fail"));
  REQUIRE(!res);
  CHECK(res.error() == error{errc::io_error, "disk \xC3\xA4", true});
}

TEST_CASE("many requests at a time are each given their own answer") {
  loopback net;
  std::vector<asked<put_request>> puts;
  for (int i = 0; i < 500; ++i)
    puts.emplace_back(net.client.system(), net.connection, put_of(i, i * i));
  for (auto& put : puts)
    CHECK(put.get());
  std::vector<asked<get_request>> gets;
  for (int i = 0; i < 500; ++i)
    gets.emplace_back(net.client.system(), net.connection, get_of(i));
  for (int i = 0; i < 500; ++i) {
    auto res = gets[static_cast<size_t>(i)].get();
    REQUIRE(res);
    CHECK(res->content == value{i * i});
  }
}

TEST_CASE("two clients share a served store") {
  loopback net;
  peer other;
  auto second = other.connect(net.served.port);
  CHECK(net.ask(put_of("key", "from the first")));
  auto res = ask(other.system(), second, get_of("key"));
  REQUIRE(res);
  CHECK(res->content == value{"from the first"});
}

TEST_CASE("a function of this process is not sent to another one") {
  loopback net;
  local_update_request req;
  req.key = "key";
  req.function = [](const value*) -> expected<value> { return value{1}; };
  auto res = net.ask(req);
  REQUIRE(!res);
  CHECK(res.error() == errc::unsupported);
  CHECK(res.error().message().find("by name") != std::string::npos);
}

TEST_CASE("the only route to a remote store is its connection") {
  loopback net;
  auto res = net.ask(routes_request{});
  REQUIRE(res);
  CHECK(res->key_actors == std::vector<caf::actor>{net.connection});
}

TEST_CASE("what the store does not handle is unsupported") {
  loopback net;
  auto res = net.ask(info_request{});
  REQUIRE(!res);
  CHECK(res.error() == errc::unsupported);
}

TEST_CASE("what cannot be sent is refused, in both directions") {
  loopback net;
  auto there = net.ask(get_of("\xFF"));
  REQUIRE(!there);
  CHECK(there.error() == errc::invalid_argument);
  auto back = net.ask(get_of("odd"));
  REQUIRE(!back);
  CHECK(back.error() == errc::invalid_argument);
  CHECK(back.error().message().find("answer") != std::string::npos);
}

// -- bounds -------------------------------------------------------------------

TEST_CASE("more requests than a gate takes are overloaded") {
  serve_options options;
  options.max_pending = 2;
  loopback net{options};
  std::vector<asked<get_request>> hanging;
  for (int i = 0; i < 2; ++i)
    hanging.emplace_back(net.client.system(), net.connection, get_of("hang"));
  auto res = net.ask(get_of("key"));
  REQUIRE(!res);
  CHECK(res.error() == errc::overloaded);
  CHECK(res.error().retryable());
}

TEST_CASE("more bytes than a gate takes are overloaded") {
  serve_options options;
  options.max_pending_bytes = 2'000;
  loopback net{options};
  auto hanging = net.start_hanging(2);
  auto res = net.ask(put_of("key", std::string(1'500, 'x')));
  REQUIRE(!res);
  CHECK(res.error() == errc::overloaded);
  CHECK(net.ask(put_of("key", std::string(500, 'x'))));
}

TEST_CASE("more requests than a connection takes are overloaded") {
  loopback net;
  auto options = net.client.to(net.served.port);
  options.max_pending = 1;
  auto narrow = connect(net.client.system(), options);
  REQUIRE(narrow);
  net.client.own(*narrow);
  asked hanging{net.client.system(), *narrow, get_of("hang")};
  auto res = ask(net.client.system(), *narrow, get_of("key"));
  REQUIRE(!res);
  CHECK(res.error() == errc::overloaded);
}

TEST_CASE("messages over the limit are refused, in both directions") {
  serve_options options;
  options.max_message_size = 10'000;
  loopback net{options};
  auto there = net.ask(put_of("key", std::string(10'000, 'x')));
  REQUIRE(!there);
  CHECK(there.error() == errc::limit_exceeded);
  auto large = put_of("key", std::string(10'000, 'x'));
  CHECK(ask(net.server.system(), net.store, large));
  auto back = net.ask(get_of("key"));
  REQUIRE(!back);
  CHECK(back.error() == errc::limit_exceeded);
  CHECK(net.ask(put_of("key", std::string(9'000, 'x'))));
  CHECK(net.ask(get_of("key")));
}

// -- ends ---------------------------------------------------------------------

TEST_CASE("closing a connection leaves the store alone") {
  loopback net;
  auto hanging = net.start_hanging(3);
  CHECK(net.ask(close_request{}));
  for (auto& call : hanging) {
    auto res = call.get();
    REQUIRE(!res);
    CHECK(res.error() == errc::unavailable);
  }
  auto after = net.ask(get_of("key"));
  REQUIRE(!after);
  CHECK(after.error() == errc::unavailable);
  auto again = net.client.connect(net.served.port);
  CHECK(ask(net.client.system(), again, put_of("key", 1)));
}

TEST_CASE("an exit message ends a connection, not its callers' patience") {
  loopback net;
  auto hanging = net.start_hanging(3);
  caf::anon_send_exit(net.connection, caf::exit_reason::kill);
  for (auto& call : hanging) {
    auto res = call.get();
    REQUIRE(!res);
    CHECK(res.error() == errc::unavailable);
  }
}

TEST_CASE("a service that stops fails what is under way, and can start again") {
  loopback net;
  auto hanging = net.start_hanging(3);
  stop_serving(net.served);
  for (auto& call : hanging) {
    auto res = call.get();
    REQUIRE(!res);
    CHECK(res.error() == errc::unavailable);
  }
  auto after = net.ask(get_of("key"));
  REQUIRE(!after);
  CHECK(after.error() == errc::unavailable);
  stop_serving(net.served);
  serve_options options;
  options.port = net.served.port;
  net.server.serve(net.store, options);
  wait_until_up(net.client.system(), net.connection);
  CHECK(net.ask(put_of("key", 1)));
}

TEST_CASE("a store that ends fails what is under way and what comes later") {
  loopback net;
  auto hanging = net.start_hanging(3);
  caf::anon_send_exit(net.store, caf::exit_reason::kill);
  for (auto& call : hanging) {
    auto res = call.get();
    REQUIRE(!res);
    CHECK(res.error() == errc::unavailable);
  }
  auto after = net.ask(get_of("key"));
  REQUIRE(!after);
  CHECK(after.error() == errc::unavailable);
}

// -- other processes ----------------------------------------------------------

TEST_CASE("a killed server fails pending calls, and is found when it is back") {
  server_process server;
  peer client;
  auto connection = client.connect(server.port());
  CHECK(ask(client.system(), connection, put_of("key", 1)));
  std::vector<asked<get_request>> hanging;
  for (int i = 0; i < 100; ++i)
    hanging.emplace_back(client.system(), connection, get_of("hang"));
  CHECK(ask(client.system(), connection, get_of("key")));
  auto port = server.port();
  server.kill();
  for (auto& call : hanging) {
    auto res = call.get();
    REQUIRE(!res);
    CHECK(res.error() == errc::unavailable);
    CHECK(res.error().retryable());
    CHECK(res.error().message().find("may or may not") != std::string::npos);
  }
  auto after = ask(client.system(), connection, put_of("key", 2));
  REQUIRE(!after);
  CHECK(after.error() == errc::unavailable);
  server_process next{port};
  wait_until_up(client.system(), connection);
  CHECK(ask(client.system(), connection, put_of("key", 3)));
  auto res = ask(client.system(), connection, get_of("key"));
  REQUIRE(res);
  CHECK(res->content == value{3});
}

TEST_CASE("a server that hangs is noticed, and found when it goes on") {
  server_process server;
  peer client{plain_text, 5s};
  auto connection = client.connect(server.port());
  server.signal(SIGSTOP);
  auto res = ask(client.system(), connection, put_of("key", 1));
  REQUIRE(!res);
  CHECK(res.error() == errc::unavailable);
  auto after = ask(client.system(), connection, put_of("key", 1));
  REQUIRE(!after);
  CHECK(after.error() == errc::unavailable);
  server.signal(SIGCONT);
  wait_until_up(client.system(), connection);
  CHECK(ask(client.system(), connection, put_of("key", 2)));
}

TEST_CASE("a server that hangs from the start is unavailable in time") {
  server_process server;
  server.signal(SIGSTOP);
  peer client;
  auto options = client.to(server.port());
  options.timeout = 100ms;
  auto res = connect(client.system(), options);
  REQUIRE(!res);
  CHECK(res.error() == errc::unavailable);
}

// -- refusals -----------------------------------------------------------------

TEST_CASE("nobody listening is unavailable") {
  peer client;
  uint16_t port = 0;
  {
    loopback net;
    port = net.served.port;
  }
  auto res = connect(client.system(), client.to(port));
  REQUIRE(!res);
  CHECK(res.error() == errc::unavailable);
}

TEST_CASE("a port that is taken is unavailable") {
  loopback net;
  serve_options options;
  options.port = net.served.port;
  options.security = plain_text;
  auto res = serve(net.server.system(), net.store, options);
  REQUIRE(!res);
  CHECK(res.error() == errc::unavailable);
}

TEST_CASE("plain text is served on other addresses only when forced") {
  peer server;
  auto store = server.own(spawn_fake_store(server.system()));
  serve_options options;
  options.security = plain_text;
  for (auto address : {"0.0.0.0", "", "::", "192.0.2.1", "example.com"}) {
    options.bind_address = address;
    auto res = serve(server.system(), store, options);
    REQUIRE(!res);
    CHECK(res.error() == errc::invalid_argument);
  }
  options.bind_address = "0.0.0.0";
  options.force_plain_text = true;
  auto served = server.serve(store, options);
  peer client;
  CHECK(ask(client.system(), client.connect(served.port), put_of("key", 1)));
}

TEST_CASE("an actor system without network neither serves nor connects") {
  caf::actor_system_config cfg;
  add_actor_types(cfg);
  caf::actor_system sys{cfg};
  auto store = spawn_fake_store(sys);
  serve_options options;
  options.security = plain_text;
  auto served = serve(sys, store, options);
  REQUIRE(!served);
  CHECK(served.error() == errc::invalid_argument);
  connect_options to;
  to.port = 1;
  to.security = plain_text;
  auto connected = connect(sys, to);
  REQUIRE(!connected);
  CHECK(connected.error() == errc::invalid_argument);
  caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
}

TEST_CASE("arguments that lead nowhere are refused") {
  peer node;
  serve_options options;
  options.security = plain_text;
  auto served = serve(node.system(), nullptr, options);
  REQUIRE(!served);
  CHECK(served.error() == errc::invalid_argument);
  auto connected = connect(node.system(), node.to(0));
  REQUIRE(!connected);
  CHECK(connected.error() == errc::invalid_argument);
}

// -- URIs ---------------------------------------------------------------------

TEST_CASE("the URI of a served store says where it is and how to connect") {
  auto x = connect_options::parse("caf://example.com:4242?certificate=c.pem"
                                  "&key=k.pem&ca=/etc/a%20b.pem");
  REQUIRE(x);
  CHECK(x->host == "example.com");
  CHECK(x->port == 4242);
  CHECK(x->security
        == transport_security{"c.pem", "k.pem", "/etc/a b.pem", false});
  auto y = connect_options::parse("caf://[::1]:1?plain-text=yes");
  REQUIRE(y);
  CHECK(y->host == "::1");
  CHECK(y->port == 1);
  CHECK(y->security == plain_text);
}

TEST_CASE("other URIs are refused") {
  for (auto str : {"caf://h:1",
                   "caf://h:1?plain-text=no",
                   "caf://h?plain-text=yes",
                   "caf://h:0?plain-text=yes",
                   "caf://h:65536?plain-text=yes",
                   "caf://h:-1?plain-text=yes",
                   "caf://h:1x?plain-text=yes",
                   "caf://:1?plain-text=yes",
                   "caf://::1:1?plain-text=yes",
                   "caf://me@h:1?plain-text=yes",
                   "caf://h:1/path?plain-text=yes",
                   "caf://h:1?plain-text=perhaps",
                   "caf://h:1?plain-text=yes&x=1",
                   "caf://h:1?certificate=c&key=k",
                   "caf://h:1?ca=a",
                   "caf://h:1?plain-text=yes&certificate=c&key=k&ca=a",
                   "file://h:1?plain-text=yes",
                   "caf:h:1?plain-text=yes",
                   "caf",
                   ""}) {
    INFO(str);
    auto res = connect_options::parse(str);
    REQUIRE(!res);
    CHECK(res.error() == errc::invalid_argument);
  }
}
