// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "metrics_server.hpp"

#include "larder/blocking_client.hpp"
#include "larder/metrics_collector.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <sstream>
#include <thread>

namespace larder::cli {

namespace {

using namespace std::chrono_literals;

/// A store that takes longer than this is not healthy.
constexpr auto patience = 2s;

constexpr const char* text_format = "text/plain; version=0.0.4; charset=utf-8";

/// httplib would share the port with any other server of its kind.
void take_port_alone(socket_t sock) {
  int yes = 1;
  setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

client_options impatient() {
  client_options res;
  res.deadline = patience;
  return res;
}

value status(std::string_view text) {
  return value::map({{"status", text}});
}

} // namespace

struct metrics_server::state {
  state(caf::actor_system& sys, const caf::actor& store)
    : collector(sys, store, patience), client(sys, store, impatient()) {
    server.set_socket_options(take_port_alone);
    // Connections on which nothing comes hold a thread for so long.
    server.new_task_queue = [] { return new httplib::ThreadPool(16); };
    server.set_read_timeout(1s);
    server.set_keep_alive_timeout(1);
    server.Get("/metrics", [this](auto&, auto& out) { show_metrics(out); });
    server.Get("/healthz", [this](auto&, auto& out) { show_health(out); });
  }

  ~state() {
    server.stop();
    if (listener.joinable())
      listener.join();
  }

  bool bind(const std::string& address, uint16_t wanted) {
    auto bound = wanted != 0 && server.bind_to_port(address, wanted)
                   ? int{wanted}
                 : wanted == 0 ? server.bind_to_any_port(address)
                               : -1;
    port = static_cast<uint16_t>(std::max(bound, 0));
    return bound > 0;
  }

  void listen() {
    listener = std::thread{[this] { server.listen_after_bind(); }};
    // A server that does not run yet cannot be stopped.
    while (!server.is_running())
      std::this_thread::yield();
  }

  void show_metrics(httplib::Response& out) {
    std::ostringstream text;
    prometheus::TextSerializer{}.Serialize(text, collector.Collect());
    out.set_content(text.str(), text_format);
  }

  /// A page of one key has to come from the engine: nothing caches listings.
  void show_health(httplib::Response& out) {
    list_keys_request request;
    request.limit = 1;
    auto answer = client.keys(std::move(request));
    auto body = answer ? status("ok")
                       : status("failing").with(
                         "error", to_string(answer.error().code()));
    out.status = answer ? 200 : 503;
    out.set_content(to_json(body) + "\n", "application/json");
  }

  metrics_collector collector;
  blocking_client client;
  httplib::Server server;
  std::thread listener;
  uint16_t port = 0;
};

metrics_server::metrics_server(std::unique_ptr<state> ptr)
  : state_(std::move(ptr)) {
  // nop
}

metrics_server::metrics_server(metrics_server&&) noexcept = default;

metrics_server::~metrics_server() = default;

result<metrics_server> metrics_server::start(caf::actor_system& sys,
                                             const caf::actor& store,
                                             const std::string& address,
                                             uint16_t port) {
  auto ptr = std::make_unique<state>(sys, store);
  if (!ptr->bind(address, port))
    return fail(exit_code::failed,
                fmt::format("cannot show metrics on port {} of {}: the port is "
                            "taken or the address is not this machine's",
                            port, address));
  ptr->listen();
  return metrics_server{std::move(ptr)};
}

uint16_t metrics_server::port() const noexcept {
  return state_->port;
}

} // namespace larder::cli
