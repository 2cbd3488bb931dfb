// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `serve`.

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"

#include <fmt/format.h>

#include <csignal>
#include <limits>

namespace larder::cli {

namespace {

/// The signals that end a server in good order. While one of these objects
/// lives they are blocked: in this thread, and in those that it starts.
class termination_signals {
public:
  termination_signals() {
    sigemptyset(&set_);
    for (auto x : {SIGINT, SIGTERM, SIGHUP})
      sigaddset(&set_, x);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }

  ~termination_signals() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  void wait() const {
    int received = 0;
    while (sigwait(&set_, &received) != 0)
      ; // interrupted
  }

private:
  sigset_t set_;
  sigset_t before_;
};

std::string text_of(const invocation& args, std::string_view option) {
  auto* arg = args.find(option);
  return arg != nullptr ? arg->text : std::string{};
}

result<serve_options> read_options(const invocation& args) {
  auto port = parse_number("--port", args.find("--port")->text,
                           std::numeric_limits<uint16_t>::max());
  if (!port)
    return fail(std::move(port.error()));
  serve_options res;
  res.port = static_cast<uint16_t>(*port);
  if (auto* arg = args.find("--bind"))
    res.bind_address = arg->text;
  res.security.certificate = text_of(args, "--certificate");
  res.security.key = text_of(args, "--key");
  res.security.ca = text_of(args, "--ca");
  res.security.plain_text = args.has("--plain-text");
  res.force_plain_text = args.has("--force");
  return res;
}

outcome run_serve(const invocation& args) {
  if (is_remote(args.store))
    return usage_error(describe_store(args)
                       + ": another process serves this store already");
  auto options = read_options(args);
  if (!options)
    return fail(std::move(options.error()));
  termination_signals signals;
  auto opened
    = session::open(args, open_mode::open_or_create, &options->security);
  if (!opened)
    return fail(std::move(opened.error()));
  auto served = serve(opened->system(), opened->store(), *options);
  if (!served)
    return fail(to_failure(served.error()));
  print_value(args, served->port);
  if (auto flushed = flush_output(); !flushed) {
    stop_serving(*served);
    return fail(std::move(flushed.error()));
  }
  print_notice(fmt::format("larder: serving {} on {} port {}",
                           describe_store(args), options->bind_address,
                           served->port));
  signals.wait();
  stop_serving(*served);
  if (auto closed = opened->close(); !closed)
    return fail(std::move(closed.error()));
  return exit_code::fine;
}

constexpr const char* examples =
  R"(  larder serve --port 4242 --certificate server.pem --key server.key --ca ca.pem
  larder serve --port 0 --plain-text

  larder --store 'caf://host:4242?certificate=me.pem&key=me.key&ca=ca.pem' keys
  larder --store 'caf://localhost:4242?plain-text=yes' keys)";

} // namespace

std::vector<command> serving_commands() {
  return {
    {"serve",
     "Let other processes use the store; print the port",
     "",
     0,
     0,
     {{"--port", "N", "Where to listen; 0: any free port", true},
      {"--bind", "ADDRESS", "Where to listen (default: 127.0.0.1)"},
      {"--certificate", "FILE", "This side's certificate chain (PEM)"},
      {"--key", "FILE", "The certificate's private key (PEM)"},
      {"--ca", "FILE", "Who must have signed the other side's certificate"},
      {"--plain-text", "", "No certificates and no encryption"},
      {"--force", "", "Plain text even if others than this machine reach it"}},
     examples,
     run_serve},
  };
}

} // namespace larder::cli
