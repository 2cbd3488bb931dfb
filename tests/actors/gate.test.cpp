// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a hostile peer can do to a served store.

#include "remote_fixture.hpp"

#include "larder/detail/caf_net.hpp"
#include "larder/internal/protocol.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

using namespace larder;
using namespace larder::internal;
using namespace larder::remote_test;

namespace {

constexpr std::chrono::minutes patience{1};

/// Connects past larder. A beat of CAF 0.17.6 that comes between the connection
/// and its handshake takes the other side for dead.
caf::actor connect_plainly(caf::actor_system& sys, uint16_t port) {
  auto result = sys.middleman().remote_actor("127.0.0.1", port);
  while (!result && result.error() == caf::sec::connection_timeout)
    result = sys.middleman().remote_actor("127.0.0.1", port);
  REQUIRE(result);
  return *result;
}

/// A served store, a client that means well and a peer that does not.
struct besieged {
  besieged() : self(hostile.system()) {
    store = server.own(spawn_fake_store(server.system()));
    served = server.serve(store);
    connection = client.connect(served.port);
    gate = connect_plainly(hostile.system(), served.port);
  }

  /// Sends a wire message and waits for the next one.
  wire_message talk(wire_message msg) {
    wire_message result;
    detail::send(&*self, gate, std::move(msg));
    auto keep = [&](const wire_message& x) {
      result = x;
      last_sender = self->current_sender();
    };
    self->receive(
      keep, caf::after(patience) >> [] { FAIL("no answer"); });
    return result;
  }

  /// What a request of something else than a wire message is answered.
  template <class... Ts>
  error refusal_of(Ts... xs) {
    error result{errc::internal, "no error"};
    auto keep = [&](const caf::error& err) { result = to_error(err); };
#if LARDER_CAF_1
    self->mail(std::move(xs)...)
      .request(gate, patience)
      .receive([](const caf::message&) {}, keep);
#else
    self->request(gate, patience, std::move(xs)...)
      .receive([](const caf::message&) {}, keep);
#endif
    return result;
  }

  /// Messages of a peer keep their order: an answer to this one says that what
  /// was sent before has been dealt with.
  void check_alive() {
    CHECK(talk({1, greeting_kind, {}}).kind == greeting_kind);
    CHECK(ask(client.system(), connection, put_of("key", 1)));
  }

  peer server;
  peer client;
  peer hostile;
  caf::actor store;
  served_store served;
  caf::actor connection;
  caf::actor gate;
  caf::scoped_actor self;
  caf::strong_actor_ptr last_sender;
};

/// A TCP connection to a port of this machine.
class raw_socket {
public:
  explicit raw_socket(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_port = htons(port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&addr), sizeof(addr))
            == 0);
  }

  ~raw_socket() {
    close(fd_);
  }

  void send(const std::string& what) {
    static_cast<void>(::send(fd_, what.data(), what.size(), MSG_NOSIGNAL));
  }

  /// Waits until the other side hangs up.
  void wait_for_end() {
    char buf[4096];
    while (recv(fd_, buf, sizeof(buf), 0) > 0)
      ; // What it says does not matter.
  }

private:
  int fd_;
};

} // namespace

TEST_CASE("no exit message of a peer ends a gate") {
  besieged net;
  for (auto reason :
       {caf::exit_reason::kill, caf::exit_reason::user_shutdown,
        caf::exit_reason::remote_link_unreachable, caf::exit_reason::normal})
    caf::anon_send_exit(net.gate, reason);
  net.self->send_exit(net.gate, caf::exit_reason::kill);
  net.check_alive();
}

TEST_CASE("a peer that links to a gate does not take it along") {
  besieged net;
  auto link_and_die = [](caf::event_based_actor* self, const caf::actor& gate) {
    self->link_to(gate);
    self->quit(caf::exit_reason::kill);
  };
  auto doomed = net.hostile.system().spawn(link_and_die, net.gate);
  net.self->wait_for(doomed);
  net.check_alive();
}

TEST_CASE("not even its own process ends a gate by an exit message") {
  besieged net;
  caf::anon_send_exit(net.served.gate, caf::exit_reason::kill);
  net.check_alive();
}

TEST_CASE("down messages and errors of a peer are dropped") {
  besieged net;
  caf::error why{caf::exit_reason::kill};
  detail::anon_send(net.gate, caf::down_msg{net.gate.address(), why});
  detail::anon_send(net.gate, caf::exit_msg{net.gate.address(), why});
  detail::anon_send(net.gate, why);
  net.check_alive();
}

TEST_CASE("requests of anything but wire messages are unsupported") {
  besieged net;
  CHECK(net.refusal_of(42) == errc::unsupported);
  CHECK(net.refusal_of(std::string{"text"}) == errc::unsupported);
  CHECK(net.refusal_of(caf::get_atom_v, 1) == errc::unsupported);
  CHECK(net.refusal_of(wire_message{1, greeting_kind, {}})
        == errc::unsupported);
  net.check_alive();
}

TEST_CASE("messages that are no requests are dropped") {
  besieged net;
  detail::anon_send(net.gate, 42);
  detail::send(&*net.self, net.gate, std::string{"text"});
  detail::anon_send(net.gate, wire_message{1, greeting_kind, {}});
  auto put = *encode_content(put_of("key", "from nobody"));
  detail::anon_send(net.gate, wire_message{1, kind_of<put_request>(), put});
  net.check_alive();
}

TEST_CASE("a message that is no request of larder is answered with an error") {
  besieged net;
  auto answer_to = [&](uint16_t kind, std::string content) {
    auto answer = net.talk({7, kind, std::move(content)});
    CHECK(answer.id == 7);
    CHECK(answer.kind == error_kind);
    return read_error_answer(answer);
  };
  CHECK(answer_to(error_kind, {}) == errc::unsupported);
  CHECK(answer_to(4711, {}) == errc::unsupported);
  std::mt19937 rng{1};
  std::vector<std::string> contents{"", "\x80", std::string(100'000, '\x81')};
  for (int i = 0; i < 100; ++i) {
    auto& content = contents.emplace_back(rng() % 100, '\0');
    for (auto& c : content)
      c = static_cast<char>(rng());
  }
  for (auto& content : contents)
    CHECK(answer_to(kind_of<get_request>(), content) == errc::invalid_argument);
  net.check_alive();
}

TEST_CASE("a gate refuses large requests of peers that do not ask its limit") {
  besieged net;
  serve_options options;
  options.max_message_size = 1'000;
  auto narrow = net.server.serve(net.store, options);
  net.gate = connect_plainly(net.hostile.system(), narrow.port);
  auto answer = net.talk({1, kind_of<put_request>(), std::string(1'001, 'x')});
  CHECK(read_error_answer(answer) == errc::limit_exceeded);
}

TEST_CASE("a peer meets no actor but the gate") {
  besieged net;
  auto content = *encode_content(put_of("key", 1));
  CHECK(net.talk({1, kind_of<put_request>(), content}).kind
        == kind_of<put_request>());
  CHECK(net.last_sender == caf::actor_cast<caf::strong_actor_ptr>(net.gate));
  CHECK(net.talk({2, kind_of<info_request>(), "\x80"}).kind == error_kind);
  CHECK(net.last_sender == caf::actor_cast<caf::strong_actor_ptr>(net.gate));
}

TEST_CASE("bytes that are not CAF's protocol cut off who sends them only") {
  besieged net;
  std::mt19937 rng{2};
  for (int i = 0; i < 20; ++i) {
    std::string garbage(4'096, '\0');
    for (auto& c : garbage)
      c = static_cast<char>(rng());
    // Not a handshake with a large payload, which CAF would wait for.
    garbage[0] = '\x7F';
    raw_socket socket{net.served.port};
    socket.send(garbage);
    socket.wait_for_end();
  }
  raw_socket{net.served.port}.send("half a header");
  net.check_alive();
}
