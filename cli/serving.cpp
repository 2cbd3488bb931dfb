// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `serve`.

#include "arguments.hpp"
#include "metrics_server.hpp"
#include "output.hpp"
#include "session.hpp"
#include "signals.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>

namespace larder::cli {

namespace {

std::string text_of(const invocation& args, std::string_view option) {
  auto* arg = args.find(option);
  return arg != nullptr ? arg->text : std::string{};
}

result<uint16_t> read_port(const invocation& args, std::string_view option) {
  auto res = parse_number(option, args.find(option)->text,
                          std::numeric_limits<uint16_t>::max());
  if (!res)
    return fail(std::move(res.error()));
  return static_cast<uint16_t>(*res);
}

/// Where metrics are shown, if they are.
struct metrics_options {
  std::optional<uint16_t> port;
  std::string address = "127.0.0.1";
};

result<metrics_options> read_metrics_options(const invocation& args) {
  metrics_options res;
  if (auto* arg = args.find("--metrics-bind"))
    res.address = arg->text;
  if (!args.has("--metrics-port")) {
    if (args.has("--metrics-bind"))
      return usage_error("--metrics-bind needs --metrics-port");
    return res;
  }
  auto port = read_port(args, "--metrics-port");
  if (!port)
    return fail(std::move(port.error()));
  res.port = *port;
  return res;
}

result<std::optional<metrics_server>>
start_metrics(session& opened, const metrics_options& options) {
  std::optional<metrics_server> res;
  if (!options.port)
    return res;
  auto started = metrics_server::start(opened.system(), opened.store(),
                                       options.address, *options.port);
  if (!started)
    return fail(std::move(started.error()));
  res.emplace(std::move(*started));
  return res;
}

/// What is logged, and where; no sink: nothing is.
struct logging_options {
  std::shared_ptr<log_sink> sink;
  bool keys = false;
  std::chrono::milliseconds slow{0};
};

/// A log is written if any of its options is there.
result<logging_options> read_logging_options(const invocation& args) {
  logging_options res;
  log_options options;
  auto wanted = false;
  for (auto* name :
       {"--log-level", "--log-format", "--log-file", "--log-keys", "--slow-ms"})
    wanted = wanted || args.has(name);
  if (!wanted)
    return res;
  if (auto* arg = args.find("--log-level")) {
    auto level = parse_log_level(arg->text);
    if (!level)
      return fail(to_failure(level.error()));
    options.level = *level;
  }
  if (auto* arg = args.find("--log-format")) {
    if (arg->text != "text" && arg->text != "json")
      return usage_error("--log-format: '" + arg->text
                         + "' is neither text nor json");
    options.format = arg->text == "json" ? log_format::json : log_format::text;
  }
  if (auto* arg = args.find("--slow-ms")) {
    constexpr uint64_t one_day = 24 * 60 * 60 * 1000;
    auto slow = parse_number("--slow-ms", arg->text, one_day);
    if (!slow)
      return fail(std::move(slow.error()));
    res.slow = std::chrono::milliseconds{*slow};
  }
  options.file = text_of(args, "--log-file");
  res.keys = args.has("--log-keys");
  auto opened = open_log(options);
  if (!opened)
    return fail(to_failure(opened.error()));
  res.sink = std::move(*opened);
  return res;
}

void log_serving(const logging_options& log, std::string_view name,
                 const serve_options& options, uint16_t port) {
  if (log.sink == nullptr)
    return;
  log_field fields[] = {{"address", options.bind_address},
                        {"port", port},
                        {"plain-text", options.security.plain_text}};
  log.sink->write({log_level::info, name, fields});
}

result<serve_options> read_options(const invocation& args) {
  auto port = read_port(args, "--port");
  if (!port)
    return fail(std::move(port.error()));
  serve_options res;
  res.port = *port;
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
  auto shown = read_metrics_options(args);
  if (!shown)
    return fail(std::move(shown.error()));
  auto log = read_logging_options(args);
  if (!log)
    return fail(std::move(log.error()));
  options->log = log->sink;
  auto adjust = [&log](store_config& config) {
    config.log = log->sink;
    config.log_keys = log->keys;
    config.slow_operation = log->slow;
  };
  termination_signals signals;
  auto opened = session::open(args, open_mode::open_or_create,
                              &options->security, adjust);
  if (!opened)
    return fail(std::move(opened.error()));
  auto metrics = start_metrics(*opened, *shown);
  if (!metrics)
    return fail(std::move(metrics.error()));
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
  if (*metrics)
    print_notice(fmt::format("larder: metrics on http://{}:{}/metrics",
                             shown->address, (*metrics)->port()));
  log_serving(*log, "serving", *options, served->port);
  signals.wait();
  stop_serving(*served);
  log_serving(*log, "stopped", *options, served->port);
  metrics->reset();
  if (auto closed = opened->close(); !closed)
    return fail(std::move(closed.error()));
  return exit_code::fine;
}

constexpr const char* examples =
  R"(  larder serve --port 4242 --certificate server.pem --key server.key --ca ca.pem
  larder serve --port 0 --plain-text
  larder serve --port 4242 --plain-text --metrics-port 9242

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
      {"--force", "", "Plain text even if others than this machine reach it"},
      {"--metrics-port", "N",
       "Where to show /metrics (for Prometheus) and /healthz over HTTP; 0: any "
       "free port"},
      {"--metrics-bind", "ADDRESS", "Where to show them (default: 127.0.0.1)"},
      {"--log-level",
       "LEVEL",
       "Log events of this level or above: debug, info, warning or error "
       "(default, with any of the following: info)",
       false,
       {"debug", "info", "warning", "error"}},
      {"--log-format",
       "FORMAT",
       "text (the default) or json",
       false,
       {"text", "json"}},
      {"--log-file", "FILE",
       "Where to append the log (default: standard "
       "error)"},
      {"--log-keys", "", "Show keys in the log, not hashes of them"},
      {"--slow-ms", "N", "Log operations on keys that take N ms or longer"}},
     examples,
     run_serve},
  };
}

} // namespace larder::cli
