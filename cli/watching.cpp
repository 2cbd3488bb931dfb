// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `watch`.

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"
#include "signals.hpp"

#include "larder/detail/caf.hpp"
#include "larder/text.hpp"
#include "larder/watcher.hpp"

#include <fmt/format.h>

#include <future>
#include <limits>
#include <optional>

namespace larder::cli {

namespace {

using namespace std::chrono_literals;

struct watch_options {
  watch_request what;
  uint64_t count = std::numeric_limits<uint64_t>::max();
};

result<watch_options> read_options(const invocation& args) {
  argument_reader reader{args};
  watch_options res;
  auto prefix = reader.prefix();
  if (!prefix)
    return fail(std::move(prefix.error()));
  if (!args.operands.empty()) {
    if (args.has("--prefix"))
      return usage_error("watch: KEY and --prefix exclude each other");
    auto key = reader.key(args.operands.front());
    if (!key)
      return fail(std::move(key.error()));
    res.what.scope = watch_scope::key;
    res.what.key = std::move(*key);
  } else if (args.has("--prefix")) {
    res.what.scope = watch_scope::prefix;
    res.what.key = std::move(*prefix);
  }
  res.what.with_before = res.what.with_after = args.has("--values");
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

// -- printing -----------------------------------------------------------------

std::string_view name_of(change_kind x) {
  switch (x) {
    case change_kind::put:
      return "put";
    case change_kind::update:
      return "update";
    case change_kind::erase:
      return "erase";
    case change_kind::expire:
      return "expire";
    case change_kind::write:
      return "write";
    case change_kind::append:
      return "append";
    default:
      return "truncate";
  }
}

value describe_event(const change_event& x) {
  std::vector<value::entry> res{
    {value::keyword("key"), x.key},
    {value::keyword("kind"), value::keyword(name_of(x.kind))},
    {value::keyword("revision"), to_string(x.rev)},
    {value::keyword("stamp"), value::instant(x.stamp)},
  };
  if (x.combined != 1)
    res.emplace_back(value::keyword("combined"), x.combined);
  if (x.batch != 0)
    res.emplace_back(value::keyword("batch"), x.batch);
  if (x.before)
    res.emplace_back(value::keyword("before"), *x.before);
  if (x.after)
    res.emplace_back(value::keyword("after"), *x.after);
  return value::map(std::move(res));
}

value describe_resync(const fetch_events_reply& x) {
  return value::map(
    {{value::keyword("resync"), true}, {value::keyword("missed"), x.missed}});
}

/// Prints events until there were enough of them. Used by one thread at a time.
class event_printer {
public:
  event_printer(const invocation& args, uint64_t count)
    : args_(args), left_(count) {
    // nop
  }

  /// Returns how the command ends, or nothing if it goes on.
  std::optional<outcome> print(const fetch_events_reply& reply) {
    if (reply.resync)
      print_value(args_, describe_resync(reply));
    for (auto& x : reply.events) {
      if (left_ == 0)
        break;
      --left_;
      print_value(args_, describe_event(x));
    }
    if (auto flushed = flush_output(); !flushed)
      return fail(std::move(flushed.error()));
    if (left_ == 0)
      return exit_code::fine;
    return std::nullopt;
  }

private:
  const invocation& args_;
  uint64_t left_;
};

// -- watching -----------------------------------------------------------------

/// Owns the watcher of the command and tells how it ends, when it does.
class watch_actor : public caf::event_based_actor {
public:
  watch_actor(caf::actor_config& cfg, const invocation& args, caf::actor store,
              watch_options options, std::promise<outcome>& ended)
    : caf::event_based_actor(cfg),
      args_(args),
      store_(std::move(store)),
      what_(std::move(options.what)),
      printer_(args, options.count),
      ended_(ended) {
    // nop
  }

  caf::behavior make_behavior() override {
    watch_handlers handlers;
    handlers.begun
      = [this] { print_notice("larder: watching " + describe_store(args_)); };
    handlers.changed = [this](fetch_events_reply& reply) {
      if (auto res = printer_.print(reply))
        end(std::move(*res));
    };
    handlers.ended = [this](const error& why) { end(fail(to_failure(why))); };
    watcher_.emplace(this, std::exchange(store_, nullptr), std::move(what_),
                     std::move(handlers));
    return {[](int) {}};
  }

  void on_exit() override {
    watcher_.reset();
    ended_.set_value(std::move(outcome_));
  }

private:
  void end(outcome res) {
    outcome_ = std::move(res);
    // It would go on to fetch, and the actor to wait for the answer.
    watcher_.reset();
    quit();
  }

  const invocation& args_;
  caf::actor store_;
  watch_request what_;
  event_printer printer_;
  outcome outcome_ = exit_code::fine;
  std::promise<outcome>& ended_;
  std::optional<watcher> watcher_;
};

outcome watch(session& opened, const invocation& args, watch_options options,
              const termination_signals& signals) {
  // How soon the command ends after the last event.
  constexpr auto patience = 20ms;
  std::promise<outcome> ended;
  auto result = ended.get_future();
  auto watching = opened.system().spawn<watch_actor>(args, opened.store(),
                                                     std::move(options), ended);
  while (result.wait_for(0ms) != std::future_status::ready)
    if (signals.wait_for(patience)) {
      detail::anon_send_exit(watching, caf::exit_reason::user_shutdown);
      break;
    }
  return result.get();
}

outcome run_watch(const invocation& args) {
  auto options = read_options(args);
  if (!options)
    return fail(std::move(options.error()));
  if (!is_remote(args.store))
    return usage_error(fmt::format(
      "{} is not served, and nobody else could change it through this command: "
      "watch the store of a larder serve, as in --store caf://HOST:PORT",
      describe_store(args)));
  termination_signals signals;
  auto opened = session::open(args, open_mode::open);
  if (!opened)
    return fail(std::move(opened.error()));
  auto res = watch(*opened, args, std::move(*options), signals);
  auto closed = opened->close();
  if (res && !closed)
    return fail(std::move(closed.error()));
  return res;
}

constexpr const char* details
  = R"(The store must be served (larder serve), also to those who change it. An event
has :key, :kind (put, update, erase, expire, write, append, truncate), :revision
and :stamp; :combined, how many changes it stands for, if it is not one; :batch,
if keys were changed together. Events are not lost in silence: what was missed,
as when the store was away, is told as {:resync true, :missed N}. The command
ends on Ctrl-C, with exit code 0.)";

constexpr const char* examples =
  R"(  larder --store 'caf://localhost:4242?plain-text=yes' watch --prefix user/
  larder --store "$SERVED" watch lock --values --count 1)";

} // namespace

std::vector<command> watching_commands() {
  return {
    {"watch",
     "Print changes as they happen, one per line",
     "[KEY]",
     0,
     1,
     {{"--prefix", "P",
       "Only keys that start with P: strings, or keywords if P starts with :"},
      {"--values", "", "Print the values before and after the change, too"},
      {"--count", "N", "End after so many events"}},
     examples,
     run_watch,
     details},
  };
}

} // namespace larder::cli
