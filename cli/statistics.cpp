// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `stats`.

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"
#include "signals.hpp"
#include "statistics_tick.hpp"

#include "larder/metrics.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <limits>

namespace larder::cli {

namespace {

using namespace std::chrono_literals;

/// The table of docs/metrics.md.
void print_metric_table() {
  print_text(
    "| metric | type | label | meaning |\n| --- | --- | --- | --- |\n");
  for (auto& x : known_metrics())
    print_text(fmt::format(
      "| `{}` | {} | {} | {} |\n", x.name, to_string(x.type),
      x.label.empty() ? std::string{} : fmt::format("`{}`", x.label), x.help));
}

// -- watching -----------------------------------------------------------------

struct watch_options {
  std::chrono::milliseconds interval = 2s;
  uint64_t count = std::numeric_limits<uint64_t>::max();
};

result<watch_options> read_watch_options(const invocation& args) {
  watch_options res;
  if (!args.operands.empty()) {
    auto& text = args.operands.front().text;
    auto is_number = text.find_first_not_of("0123456789") == text.npos;
    auto interval = parse_duration(is_number ? text + "s" : text);
    if (!interval || *interval <= 0ms)
      return usage_error("stats: '" + text
                         + "' is no time between two looks: give seconds, or "
                           "a number with a unit such as 500ms");
    res.interval = *interval;
  }
  if (auto* arg = args.find("--count")) {
    auto count = parse_number("--count", arg->text);
    if (!count)
      return fail(std::move(count.error()));
    if (*count == 0)
      return usage_error("--count must be at least 1");
    res.count = *count;
  }
  return res;
}

void print_tick(const invocation& args, const statistics_tick& tick) {
  constexpr const char* clear_screen = "\x1B[H\x1B[2J";
  if (args.json)
    print_value(args, tick.data());
  else if (::isatty(STDOUT_FILENO) == 1)
    print_text(clear_screen + describe_store(args) + "\n\n" + tick.page());
  else
    print_text(tick.line() + "\n");
}

outcome watch(const invocation& args, blocking_client& client,
              const termination_signals& signals,
              const watch_options& options) {
  using clock = std::chrono::steady_clock;
  std::vector<metric> before;
  auto then = clock::now();
  for (uint64_t i = 0; i <= options.count; ++i) {
    if (i > 0 && signals.wait_for(options.interval))
      return exit_code::fine;
    auto statistics = client.statistics();
    if (!statistics)
      return fail(to_failure(statistics.error()));
    auto now = clock::now();
    auto metrics = read_metrics(*statistics);
    if (i > 0) {
      std::chrono::duration<double> seconds = now - then;
      print_tick(args, statistics_tick{before, metrics, seconds.count()});
      if (auto flushed = flush_output(); !flushed)
        return fail(std::move(flushed.error()));
    }
    before = std::move(metrics);
    then = now;
  }
  return exit_code::fine;
}

outcome run_watch(const invocation& args) {
  auto options = read_watch_options(args);
  if (!options)
    return fail(std::move(options.error()));
  if (!is_remote(args.store))
    return usage_error(describe_store(args)
                       + ": nobody else uses it through this command: serve "
                         "the store, then watch it as caf://HOST:PORT");
  termination_signals signals;
  return with_store(args, open_mode::open, [&](auto& client) {
    return watch(args, client, signals, *options);
  });
}

// -- the command --------------------------------------------------------------

outcome run_stats(const invocation& args) {
  if (args.has("--describe")) {
    print_metric_table();
    return exit_code::fine;
  }
  if (args.has("--watch"))
    return run_watch(args);
  if (!args.operands.empty() || args.has("--count"))
    return usage_error("stats: SECONDS and --count need --watch");
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto res = client.statistics();
    if (!res)
      return fail(to_failure(res.error()));
    print_value(args, *res);
    return exit_code::fine;
  });
}

constexpr const char* examples =
  R"(  larder --store 'caf://localhost:4242?plain-text=yes' stats
  larder --store 'caf://localhost:4242?plain-text=yes' stats --watch 5)";

} // namespace

std::vector<command> statistics_commands() {
  return {
    {"stats",
     "Print what the store has done since it was opened",
     "[SECONDS]",
     0,
     1,
     {{"--watch", "",
       "Print what happens every SECONDS (2), until interrupted"},
      {"--count", "N", "With --watch: end after N times"},
      {"--describe", "", "Print the table of all metrics instead"}},
     examples,
     run_stats},
  };
}

} // namespace larder::cli
