// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "remote_fixture.hpp"

#include "larder/detail/caf_net.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

namespace larder::remote_test {

// -- actor systems ------------------------------------------------------------

namespace {

caf::actor_system_config& prepared(caf::actor_system_config& cfg,
                                   const transport_security& security,
                                   caf::timespan silence) {
  add_actor_types(cfg);
  REQUIRE(configure_network(cfg, security));
  detail::set_heartbeat(cfg, std::chrono::seconds{1}, silence);
  return cfg;
}

/// Makes larder's types known before any configuration is.
struct early {
  early() {
    init_actor_types();
  }
} init_types;

} // namespace

peer::peer(const transport_security& security, caf::timespan silence)
  : security_(security),
    sys_(
      std::make_unique<caf::actor_system>(prepared(cfg_, security, silence))) {
  // nop
}

peer::~peer() {
  for (auto& served : served_)
    stop_serving(served);
  for (auto& hdl : owned_)
    caf::anon_send_exit(hdl, caf::exit_reason::user_shutdown);
  owned_.clear();
  served_.clear();
  sys_.reset();
}

served_store peer::serve(const caf::actor& store, serve_options options) {
  options.security = security_;
  auto result = larder::serve(system(), store, options);
  REQUIRE(result);
  served_.push_back(*result);
  return *result;
}

connect_options peer::to(uint16_t port) const {
  connect_options result;
  result.port = port;
  result.security = security_;
  result.first_pause = std::chrono::milliseconds{1};
  result.last_pause = std::chrono::milliseconds{20};
  result.timeout = std::chrono::minutes{1};
  return result;
}

caf::actor peer::connect(uint16_t port) {
  auto result = larder::connect(system(), to(port));
  if (!result)
    FAIL(to_string(result.error()));
  return own(*result);
}

caf::actor peer::own(caf::actor hdl) {
  owned_.push_back(hdl);
  return hdl;
}

// -- a store that does as it is told ------------------------------------------

namespace {

// A class: with the assertions of the standard library on, CAF 0.17 cannot
// spawn a function that takes no arguments.
class fake_store : public caf::event_based_actor {
public:
  using caf::event_based_actor::event_based_actor;

  /// A promise keeps its actor alive: those that hang must go with it.
  void on_exit() override {
    hanging_.clear();
  }

  caf::behavior make_behavior() override {
    return {
      [this](const get_request& req) { return get(req); },
      [this](const put_request& req) -> caf::result<put_reply> {
        entries_[req.key] = req.content;
        return put_reply{};
      },
    };
  }

private:
  caf::result<get_reply> get(const get_request& req) {
    if (req.key == value{"hang"}) {
      hanging_.push_back(make_response_promise());
      return caf::delegated<get_reply>{};
    }
    if (req.key == value{"fail"})
      return to_caf({errc::io_error, "disk \xC3\xA4", true});
    if (req.key == value{"odd"})
      return get_reply{"\xFF", {}};
    auto i = entries_.find(req.key);
    if (i == entries_.end())
      return to_caf({errc::not_found, "no such key"});
    return get_reply{i->second, {}};
  }

  std::map<value, value> entries_;
  std::vector<caf::response_promise> hanging_;
};

} // namespace

caf::actor spawn_fake_store(caf::actor_system& sys) {
  return sys.spawn<fake_store>();
}

put_request put_of(value key, value content) {
  put_request result;
  result.key = std::move(key);
  result.content = std::move(content);
  return result;
}

get_request get_of(value key) {
  get_request result;
  result.key = std::move(key);
  return result;
}

// -- certificates -------------------------------------------------------------

namespace {

/// The commands that docs/remote.md gives, as a script.
std::string documented_commands() {
  std::ifstream in{LARDER_SOURCE_DIR "/docs/remote.md"};
  std::string result = "set -eu\n";
  auto inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## "))
      inside = line == "## Certificates, step by step";
    else if (inside && line.starts_with("    "))
      result += line + "\n";
  }
  return result;
}

} // namespace

certificates::certificates() {
  for (auto name : {"ours", "theirs"}) {
    auto folder = folder_ / name;
    std::filesystem::create_directory(folder);
    std::ofstream{folder + "/make.sh"} << documented_commands();
    auto command = "cd " + folder + " && sh make.sh >/dev/null 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);
  }
}

transport_security certificates::server() const {
  return {folder_ / "ours/server.pem", folder_ / "ours/server.key",
          folder_ / "ours/ca.pem"};
}

transport_security certificates::client() const {
  return {folder_ / "ours/client.pem", folder_ / "ours/client.key",
          folder_ / "ours/ca.pem"};
}

transport_security certificates::stranger() const {
  return {folder_ / "theirs/client.pem", folder_ / "theirs/client.key",
          folder_ / "theirs/ca.pem"};
}

// -- processes ----------------------------------------------------------------

namespace {

constexpr auto port_variable = "LARDER_TEST_PORT";

} // namespace

// Run by `server_process` in a process of its own. The port goes to standard
// output; the process ends with its standard input.
TEST_CASE("a server in another process", "[.server-process]") {
  peer server;
  auto store = server.own(spawn_fake_store(server.system()));
  serve_options options;
  if (auto port = std::getenv(port_variable))
    options.port = static_cast<uint16_t>(std::stoi(port));
  auto served = server.serve(store, options);
  std::cout << "port " << served.port << std::endl;
  while (std::cin.get() != EOF)
    ; // Nothing is ever sent.
}

server_process::server_process(uint16_t port) {
  int input[2];
  int output[2];
  REQUIRE(pipe2(input, O_CLOEXEC) == 0);
  REQUIRE(pipe2(output, O_CLOEXEC) == 0);
  setenv(port_variable, std::to_string(port).c_str(), 1);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    execl("/proc/self/exe", "server", "[.server-process]", nullptr);
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  auto stream = fdopen(output[0], "r");
  unsigned number = 0;
  char line[256];
  while (fgets(line, sizeof(line), stream) != nullptr)
    if (sscanf(line, "port %u", &number) == 1)
      break;
  fclose(stream);
  port_ = static_cast<uint16_t>(number);
  REQUIRE(port_ != 0);
}

server_process::~server_process() {
  if (pid_ > 0) {
    signal(SIGCONT);
    close(input_);
    waitpid(pid_, nullptr, 0);
  }
}

void server_process::signal(int number) const {
  ::kill(pid_, number);
  // It may run on for a moment: stopped it is when the system says so.
  if (number == SIGSTOP)
    REQUIRE(waitpid(pid_, nullptr, WUNTRACED) == pid_);
}

void server_process::kill() {
  signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  close(input_);
}

} // namespace larder::remote_test
