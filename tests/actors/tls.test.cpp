// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "remote_fixture.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace larder;
using namespace larder::remote_test;

namespace {

/// Made once: keys take a while.
const certificates& certs() {
  static const certificates result;
  return result;
}

/// A fake store behind a port.
struct server {
  explicit server(const transport_security& security) : node(security) {
    served = node.serve(node.own(spawn_fake_store(node.system())));
  }

  peer node;
  served_store served;
};

/// What a client gets that must not get in.
error error_of_connecting(const transport_security& security, uint16_t port) {
  peer client{security};
  auto options = client.to(port);
  options.timeout = std::chrono::seconds{5};
  auto res = connect(client.system(), options);
  REQUIRE(!res);
  return res.error();
}

error error_of_configuring(const transport_security& security) {
  caf::actor_system_config cfg;
  add_actor_types(cfg);
  auto res = configure_network(cfg, security);
  REQUIRE(!res);
  return res.error();
}

} // namespace

TEST_CASE("client and server with certificates of one authority connect") {
  server srv{certs().server()};
  peer client{certs().client()};
  auto connection = client.connect(srv.served.port);
  std::string text(3'000'000, 'x');
  CHECK(ask(client.system(), connection, put_of("key", text)));
  auto res = ask(client.system(), connection, get_of("key"));
  REQUIRE(res);
  CHECK(res->content == value{text});
}

TEST_CASE("many requests at a time are answered over TLS") {
  server srv{certs().server()};
  peer client{certs().client()};
  auto connection = client.connect(srv.served.port);
  std::vector<asked<put_request>> puts;
  for (int i = 0; i < 300; ++i)
    puts.emplace_back(client.system(), connection,
                      put_of(i, std::string(10'000, 'x')));
  for (auto& put : puts)
    CHECK(put.get());
}

TEST_CASE("a client of another authority is kept out") {
  server srv{certs().server()};
  CHECK(error_of_connecting(certs().stranger(), srv.served.port)
        == errc::unavailable);
  auto trusting = certs().stranger();
  trusting.ca = certs().client().ca;
  CHECK(error_of_connecting(trusting, srv.served.port) == errc::unavailable);
}

TEST_CASE("a client does not talk to a server of another authority") {
  auto impostor = certs().stranger();
  impostor.ca = certs().server().ca;
  server srv{impostor};
  CHECK(error_of_connecting(certs().client(), srv.served.port)
        == errc::unavailable);
}

TEST_CASE("a client without encryption is kept out") {
  server srv{certs().server()};
  CHECK(error_of_connecting(plain_text, srv.served.port) == errc::unavailable);
}

TEST_CASE("a client with certificates does not talk to a server without") {
  server srv{plain_text};
  CHECK(error_of_connecting(certs().client(), srv.served.port)
        == errc::unavailable);
}

TEST_CASE("a server goes on after clients that were kept out") {
  server srv{certs().server()};
  CHECK(error_of_connecting(plain_text, srv.served.port) == errc::unavailable);
  CHECK(error_of_connecting(certs().stranger(), srv.served.port)
        == errc::unavailable);
  peer client{certs().client()};
  auto connection = client.connect(srv.served.port);
  CHECK(ask(client.system(), connection, put_of("key", 1)));
}

TEST_CASE("certificates or plain text must be asked for, and not both") {
  CHECK(error_of_configuring({}) == errc::invalid_argument);
  auto both = certs().client();
  both.plain_text = true;
  CHECK(error_of_configuring(both) == errc::invalid_argument);
}

TEST_CASE("certificates must be complete, readable and belong together") {
  auto good = certs().client();
  auto& folder = certs().folder();
  auto missing = folder / "missing.pem";
  auto empty = folder / "empty.pem";
  auto text = folder / "text.pem";
  std::ofstream{empty};
  std::ofstream{text} << "not a certificate";
  for (auto member : {&transport_security::certificate,
                      &transport_security::key, &transport_security::ca}) {
    for (auto& file : {std::string{}, missing, empty, text}) {
      INFO(file);
      auto bad = good;
      bad.*member = file;
      auto err = error_of_configuring(bad);
      CHECK(err == errc::invalid_argument);
      if (!file.empty())
        CHECK(err.message().find(file) != std::string::npos);
    }
  }
  auto other_key = good;
  other_key.key = certs().server().key;
  CHECK(error_of_configuring(other_key) == errc::invalid_argument);
}

TEST_CASE("a key with a passphrase is refused, not asked for") {
  auto locked = certs().client();
  auto command = "openssl ec -aes256 -passout pass:secret -in " + locked.key
                 + " -out " + (certs().folder() / "locked.key")
                 + " >/dev/null 2>&1";
  REQUIRE(std::system(command.c_str()) == 0);
  locked.key = certs().folder() / "locked.key";
  CHECK(error_of_configuring(locked) == errc::invalid_argument);
}

TEST_CASE("an actor system serves and connects as it was configured") {
  server srv{certs().server()};
  serve_options options;
  options.security = plain_text;
  auto served = serve(srv.node.system(), srv.served.gate, options);
  REQUIRE(!served);
  CHECK(served.error() == errc::invalid_argument);
  peer client{plain_text};
  auto to = client.to(srv.served.port);
  to.security = certs().client();
  auto connected = connect(client.system(), to);
  REQUIRE(!connected);
  CHECK(connected.error() == errc::invalid_argument);
}
