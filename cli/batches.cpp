// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on several keys: `mget`, `mput`, `merase` and `txn`.

#include "larder/messages/batches.hpp"

#include "arguments.hpp"
#include "files.hpp"
#include "output.hpp"
#include "session.hpp"
#include "transaction_text.hpp"

#include "larder/text.hpp"

#include <fmt/format.h>

namespace larder::cli {

namespace {

atomicity mode_of(const invocation& args) {
  return args.has("--best-effort") ? atomicity::best_effort : atomicity::atomic;
}

/// Reads the operands from `first` on, in steps of `step`, as keys.
result<std::vector<value>> read_keys(const invocation& args, size_t step = 1) {
  argument_reader reader{args};
  std::vector<value> res;
  for (size_t i = 0; i < args.operands.size(); i += step) {
    auto key = reader.key(args.operands[i]);
    if (!key)
      return fail(std::move(key.error()));
    res.push_back(std::move(*key));
  }
  return res;
}

/// Prints `[key x]`, with `--json` `{"key": …, name: x}`.
void print_pair(const invocation& args, const value& key, const char* name,
                const value& x) {
  if (args.json)
    print_value(args, value::map({{"key", key}, {name, x}}));
  else
    print_value(args, value::vector({key, x}));
}

// -- mget ---------------------------------------------------------------------

outcome get_at_once(const invocation& args, blocking_client& client,
                    const std::vector<value>& keys) {
  auto reply = client.call(multi_get_request{keys});
  if (!reply)
    return fail(to_failure(reply.error()));
  for (auto& x : reply->found)
    print_pair(args, x.key, "value", x.content);
  return reply->found.size() == keys.size() ? exit_code::fine
                                            : exit_code::not_found;
}

outcome get_each(const invocation& args, blocking_client& client,
                 const std::vector<value>& keys) {
  std::vector<std::future<expected<get_reply>>> replies;
  for (auto& key : keys)
    replies.push_back(client.async(get_request{key, {}, {}}));
  auto res = exit_code::fine;
  for (size_t i = 0; i < keys.size(); ++i) {
    auto reply = replies[i].get();
    if (reply) {
      print_pair(args, keys[i], "value", reply->content);
    } else if (reply.error() != errc::not_found) {
      print_message(key_failure(client, keys[i], reply.error()).message);
      res = exit_code::failed;
    } else if (res == exit_code::fine) {
      res = exit_code::not_found;
    }
  }
  return res;
}

outcome run_mget(const invocation& args) {
  auto keys = read_keys(args);
  if (!keys)
    return fail(std::move(keys.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    return args.has("--best-effort") ? get_each(args, client, *keys)
                                     : get_at_once(args, client, *keys);
  });
}

// -- mput, merase -------------------------------------------------------------

/// Prints what became of each key.
/// @returns the code of the first failure, `fine` if there is none
template <class Print>
exit_code print_outcomes(const std::vector<key_outcome>& outcomes,
                         Print print) {
  auto res = exit_code::fine;
  for (auto& x : outcomes) {
    if (!x.failure) {
      print(x);
      continue;
    }
    print_message(about(x.key, x.failure->message()));
    if (res == exit_code::fine)
      res = to_exit_code(x.failure->code());
  }
  return res;
}

result<multi_put_request> read_mput(const invocation& args) {
  if (args.operands.size() % 2 != 0)
    return usage_error("mput: the last KEY has no VALUE");
  auto keys = read_keys(args, 2);
  if (!keys)
    return fail(std::move(keys.error()));
  argument_reader reader{args};
  multi_put_request res;
  for (size_t i = 0; i < keys->size(); ++i) {
    auto content = reader.content(args.operands[2 * i + 1]);
    if (!content)
      return fail(std::move(content.error()));
    res.entries.push_back({std::move((*keys)[i]), std::move(*content), {}});
  }
  auto options = reader.put();
  if (!options)
    return fail(std::move(options.error()));
  res.extras = std::move(options->extras);
  res.ttl = options->ttl;
  res.mode = mode_of(args);
  return res;
}

outcome run_mput(const invocation& args) {
  auto request = read_mput(args);
  if (!request)
    return fail(std::move(request.error()));
  return with_store(args, open_mode::open_or_create,
                    [&](auto& client) -> outcome {
                      auto reply = client.call(*request);
                      if (!reply)
                        return fail(to_failure(reply.error()));
                      return print_outcomes(reply->outcomes, [&](auto& x) {
                        print_pair(args, x.key, "revision", to_string(x.rev));
                      });
                    });
}

outcome run_merase(const invocation& args) {
  auto keys = read_keys(args);
  if (!keys)
    return fail(std::move(keys.error()));
  multi_erase_request request{std::move(*keys), mode_of(args)};
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto reply = client.call(request);
    if (!reply)
      return fail(to_failure(reply.error()));
    auto missing = false;
    auto res = print_outcomes(reply->outcomes, [&](auto& x) {
      print_pair(args, x.key, "existed", x.existed);
      missing |= !x.existed;
    });
    return res == exit_code::fine && missing ? exit_code::not_found : res;
  });
}

// -- txn ----------------------------------------------------------------------

result<transact_request> read_txn(const invocation& args) {
  auto& file = args.operands.front().text;
  auto text = read_file(file);
  if (!text)
    return fail(std::move(text.error()));
  auto name = file == "-" ? "standard input" : file;
  auto parsed = args.json ? parse_json(*text) : parse_edn(*text);
  if (!parsed)
    return usage_error(fmt::format("{}: {}", name, parsed.error().message()));
  auto res = read_transaction(*parsed);
  if (!res)
    return usage_error(fmt::format("{}: {}", name, res.error().message));
  return res;
}

outcome run_txn(const invocation& args) {
  auto request = read_txn(args);
  if (!request)
    return fail(std::move(request.error()));
  return with_store(args, open_mode::open_or_create,
                    [&](auto& client) -> outcome {
                      auto reply = client.call(*request);
                      if (!reply)
                        return fail(to_failure(reply.error()));
                      print_value(args, describe_transaction(*reply));
                      return exit_code::fine;
                    });
}

// -- help ---------------------------------------------------------------------

constexpr const char* mget_details
  = R"(The values are those of one moment. With --best-effort each key is read by
itself: one that cannot be read, such as a binary, does not hinder the others.)";

constexpr const char* mput_details
  = R"(All values are stored, or none. With --best-effort they are stored one after the
other: the first failure ends the command, and the keys before it stay stored.)";

constexpr const char* merase_details
  = R"(All keys are removed, or none. With --best-effort they are removed one after the
other, up to the first failure. Keys that do not exist are no failure, but the
exit code is 1.)";

constexpr const char* txn_details
  = R"(FILE holds a map of vectors, {:if [CONDITION…] :then [OPERATION…] :else
[OPERATION…]}. If all conditions hold, the operations of :then are carried out,
else those of :else: all of them or, if one fails, none. A CONDITION is one of

  [:present KEY PATH?]          [:absent KEY PATH?]
  [:equals KEY PATH VALUE]      [:revision KEY REVISION]

and an OPERATION one of

  [:get KEY PATH? DEFAULT?]
  [:put KEY VALUE OPTIONS?]     [:put-in KEY PATH VALUE OPTIONS?]
  [:update KEY PATH FUNCTION ARGUMENT…]
  [:erase KEY PATH?]

where PATH is a vector of steps, OPTIONS a map such as {:ttl "30m" :meta {:by
"me"}}, and ? marks what may be left out.)";

constexpr const char* txn_examples = R"(  larder txn transfer.edn
  echo '{:if [[:equals "door" [] :open]]
         :then [[:put "door" :shut] [:update "visits" [] :inc]]
         :else [[:get "door" [] nil]]}' | larder txn -)";

constexpr const char* mput_examples = R"(  larder mput colour blue shape :round
  larder mput part/1 @one.edn part/2 @two.edn index '[1 2]' --best-effort)";

command_option best_effort(const char* help) {
  return {"--best-effort", "", help};
}

} // namespace

std::vector<command> batch_commands() {
  return {
    {"mget",
     "Print the values of keys, one [key value] per line",
     "KEY…",
     1,
     any_number,
     {best_effort("Read key by key")},
     "  larder mget user/1 user/2",
     run_mget,
     mget_details},
    {"mput",
     "Store several values; print one [key revision] per line",
     "KEY VALUE [KEY VALUE…]",
     2,
     any_number,
     {best_effort("Store one after the other, up to the first failure"),
      {"--ttl", "DURATION",
       "How long they are to live, as in 30s, 500ms, 5m, 2h, 1d; 0: for ever"},
      {"--meta", "MAP", "Entries to add to the metadata of all of them"}},
     mput_examples,
     run_mput,
     mput_details},
    {"merase",
     "Remove several keys; print one [key existed] per line",
     "KEY…",
     1,
     any_number,
     {best_effort("Remove one after the other, up to the first failure")},
     "  larder merase user/1 user/2",
     run_merase,
     merase_details},
    {"txn",
     "Carry out a transaction; print the branch that ran and the results",
     "FILE|-",
     1,
     1,
     {},
     txn_examples,
     run_txn,
     txn_details},
  };
}

} // namespace larder::cli
