// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on one key that holds an append log: `append`, `log`, `truncate`.

#include "larder/messages/logs.hpp"

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace larder::cli {

namespace {

// -- append -------------------------------------------------------------------

result<append_request> read_append(const invocation& args) {
  argument_reader reader{args};
  std::span operands{args.operands};
  auto key = reader.key(operands.front());
  if (!key)
    return fail(std::move(key.error()));
  auto entries = reader.contents(operands.subspan(1));
  if (!entries)
    return fail(std::move(entries.error()));
  auto options = reader.put();
  if (!options)
    return fail(std::move(options.error()));
  return append_request{std::move(*key), std::move(*entries),
                        std::move(options->extras), options->ttl,
                        options->condition};
}

outcome run_append(const invocation& args) {
  auto request = read_append(args);
  if (!request)
    return fail(std::move(request.error()));
  return with_store(
    args, open_mode::open_or_create, [&](auto& client) -> outcome {
      auto reply = client.call(*request);
      if (!reply)
        return fail(key_failure(client, request->key, reply.error()));
      for (uint64_t i = 0; i < reply->count; ++i)
        print_value(args, reply->first + i);
      return exit_code::fine;
    });
}

// -- log ----------------------------------------------------------------------

/// What to read of a log.
struct log_range {
  value key;
  uint64_t from = 0;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  bool newest = false;
};

result<log_range> read_log_range(const invocation& args) {
  auto key = argument_reader{args}.key(args.operands.front());
  if (!key)
    return fail(std::move(key.error()));
  log_range res;
  res.key = std::move(*key);
  res.newest = args.has("--newest");
  if (res.newest && (args.has("--from") || args.has("--limit")))
    return usage_error("--newest excludes --from and --limit");
  auto read = [&](std::string_view name, uint64_t& to) -> result<void> {
    auto* arg = args.find(name);
    if (arg == nullptr)
      return {};
    auto number = parse_number(name, arg->text);
    if (!number)
      return fail(std::move(number.error()));
    to = *number;
    return {};
  };
  for (auto name : {"--limit", "--newest"}) {
    if (auto ok = read(name, res.limit); !ok)
      return fail(std::move(ok.error()));
    if (res.limit == 0)
      return usage_error(fmt::format("{} must be at least 1", name));
  }
  if (auto ok = read("--from", res.from); !ok)
    return fail(std::move(ok.error()));
  return res;
}

void print_entry(const invocation& args, uint64_t position, const value& x) {
  if (args.json)
    print_value(args, value::map({{"position", position}, {"value", x}}));
  else
    print_value(args, value::vector({position, x}));
}

/// Prints the entries that a log has now, page by page.
outcome print_log(const invocation& args, blocking_client& client,
                  log_range range) {
  constexpr uint64_t page_size = 1000;
  // What is appended meanwhile is not waited for.
  std::optional<uint64_t> end;
  while (range.limit > 0 && (!end || range.from < *end)) {
    read_log_request request;
    request.key = range.key;
    request.from = range.from;
    request.newest = std::exchange(range.newest, false);
    request.limit = request.newest ? range.limit
                                   : std::min(range.limit, page_size);
    auto page = client.call(request);
    if (!page)
      return fail(key_failure(client, range.key, page.error()));
    if (!end)
      end = page->end;
    if (page->entries.empty())
      return exit_code::fine;
    for (size_t i = 0; i < page->entries.size(); ++i)
      print_entry(args, page->from + i, page->entries[i]);
    if (output_failed())
      return fail(exit_code::failed, "nobody takes the output");
    range.limit -= std::min<uint64_t>(range.limit, page->entries.size());
    range.from = page->next;
  }
  if (end && range.from < *end)
    print_notice(fmt::format("next {}", range.from));
  return exit_code::fine;
}

outcome run_log(const invocation& args) {
  auto range = read_log_range(args);
  if (!range)
    return fail(std::move(range.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    return print_log(args, client, *range);
  });
}

// -- truncate -----------------------------------------------------------------

outcome run_truncate(const invocation& args) {
  argument_reader reader{args};
  auto key = reader.key(args.operands[0]);
  if (!key)
    return fail(std::move(key.error()));
  auto position = parse_number("truncate", args.operands[1].text);
  if (!position)
    return fail(std::move(position.error()));
  auto condition = reader.condition();
  if (!condition)
    return fail(std::move(condition.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto reply = client.call(truncate_log_request{*key, *position, *condition});
    if (!reply)
      return fail(key_failure(client, *key, reply.error()));
    print_value(args, reply->removed);
    return exit_code::fine;
  });
}

constexpr const char* append_examples =
  R"(  larder append events '{:type :login, :user "ada"}'
  larder append events :one :two :three --ttl 30d)";

constexpr const char* log_examples =
  R"(  larder log events --newest 10
  larder log events --from 1000 --limit 100)";

constexpr const char* log_details
  = R"(If --limit cuts the listing, the last line on standard error is "next" and the
position to go on from.)";

} // namespace

std::vector<command> log_commands() {
  return {
    {"append", "Add entries to the end of a log; print their positions",
     "LOG VALUE…", 2, any_number, put_option_list(), append_examples,
     run_append},
    {"log",
     "Print the entries of a log, one [position entry] per line",
     "LOG",
     1,
     1,
     {{"--from", "N", "Begin at this position"},
      {"--limit", "N", "At most so many"},
      {"--newest", "N", "Only the last so many"}},
     log_examples,
     run_log,
     log_details},
    {"truncate",
     "Remove the entries before a position; print how many they were",
     "LOG N",
     2,
     2,
     {{"--if-revision", "REVISION", "Only if the log has this revision"}},
     "  larder truncate events 1000",
     run_truncate},
  };
}

} // namespace larder::cli
