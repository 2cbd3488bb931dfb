// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on one key that holds a value.

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"

#include "larder/functions.hpp"

#include <fmt/ranges.h>

#include <algorithm>

namespace larder::cli {

namespace {

/// A key and the steps into its value.
struct place {
  value key;
  path steps;
};

result<place> read_place(const argument_reader& reader,
                         std::span<const argument> xs) {
  auto key = reader.key(xs.front());
  if (!key)
    return fail(std::move(key.error()));
  auto steps = reader.steps(xs.subspan(1));
  if (!steps)
    return fail(std::move(steps.error()));
  return place{std::move(*key), std::move(*steps)};
}

// -- get, exists, meta --------------------------------------------------------

expected<value> get(blocking_client& client, const place& at,
                    const std::optional<value>& fallback) {
  if (fallback)
    return client.get_or(at.key, at.steps, *fallback);
  return client.get(at.key, at.steps);
}

outcome run_get(const invocation& args) {
  argument_reader reader{args};
  auto at = read_place(reader, args.operands);
  if (!at)
    return fail(std::move(at.error()));
  std::optional<value> fallback;
  if (auto* arg = args.find("--default")) {
    auto x = reader.content(*arg);
    if (!x)
      return fail(std::move(x.error()));
    fallback = std::move(*x);
  }
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto x = get(client, *at, fallback);
    if (!x)
      return fail(key_failure(client, at->key, x.error()));
    print_value(args, *x);
    return exit_code::fine;
  });
}

outcome run_exists(const invocation& args) {
  auto at = read_place(argument_reader{args}, args.operands);
  if (!at)
    return fail(std::move(at.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto exists = client.exists(at->key, at->steps);
    if (!exists)
      return fail(to_failure(at->key, exists.error()));
    print_value(args, *exists);
    return *exists ? exit_code::fine : exit_code::not_found;
  });
}

outcome run_meta(const invocation& args) {
  auto key = argument_reader{args}.key(args.operands.front());
  if (!key)
    return fail(std::move(key.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto meta = client.meta(*key);
    if (!meta)
      return fail(to_failure(*key, meta.error()));
    print_value(args, meta->to_value());
    return exit_code::fine;
  });
}

// -- put, update, erase -------------------------------------------------------

outcome run_put(const invocation& args) {
  argument_reader reader{args};
  std::span operands{args.operands};
  auto at = read_place(reader, operands.first(operands.size() - 1));
  if (!at)
    return fail(std::move(at.error()));
  auto content = reader.content(operands.back());
  if (!content)
    return fail(std::move(content.error()));
  auto options = reader.put();
  if (!options)
    return fail(std::move(options.error()));
  return with_store(
    args, open_mode::open_or_create, [&](auto& client) -> outcome {
      auto rev = client.put_in(at->key, at->steps, *content, *options);
      if (!rev)
        return fail(to_failure(at->key, rev.error()));
      print_word(args, to_string(*rev));
      return exit_code::fine;
    });
}

/// What stands before `--fn NAME` is a place, what comes behind are arguments.
result<update_request> read_update(const invocation& args) {
  argument_reader reader{args};
  auto& function = *args.find("--fn");
  std::span operands{args.operands};
  auto split = std::partition_point(
    operands.begin(), operands.end(),
    [&](auto& x) { return x.position < function.position; });
  auto steps = static_cast<size_t>(split - operands.begin());
  if (steps == 0)
    return usage_error("update: KEY and STEPs go before --fn, ARGs behind it");
  auto at = read_place(reader, operands.first(steps));
  if (!at)
    return fail(std::move(at.error()));
  auto arguments = reader.contents(operands.subspan(steps));
  if (!arguments)
    return fail(std::move(arguments.error()));
  auto ttl = reader.ttl();
  if (!ttl)
    return fail(std::move(ttl.error()));
  auto condition = reader.condition();
  if (!condition)
    return fail(std::move(condition.error()));
  return update_request{std::move(at->key),
                        std::move(at->steps),
                        function.text,
                        std::move(*arguments),
                        *ttl,
                        *condition};
}

outcome run_update(const invocation& args) {
  auto request = read_update(args);
  if (!request)
    return fail(std::move(request.error()));
  return with_store(
    args, open_mode::open_or_create, [&](auto& client) -> outcome {
      auto reply = client.call(*request);
      if (!reply)
        return fail(to_failure(request->key, reply.error()));
      print_value(args, value::vector({reply->before, reply->after}));
      return exit_code::fine;
    });
}

outcome run_erase(const invocation& args) {
  argument_reader reader{args};
  auto at = read_place(reader, args.operands);
  if (!at)
    return fail(std::move(at.error()));
  auto condition = reader.condition();
  if (!condition)
    return fail(std::move(condition.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto reply = client.call(erase_request{at->key, at->steps, *condition});
    if (!reply)
      return fail(to_failure(at->key, reply.error()));
    if (!reply->existed)
      return fail(exit_code::not_found,
                  describe(at->key) + ": there is nothing to erase");
    return exit_code::fine;
  });
}

// -- help ---------------------------------------------------------------------

constexpr const char* put_examples =
  R"(  larder put colour blue
  larder put user/1 '{:name "Ada", :visits 0}' --meta '{:by "import"}'
  larder put user/1 :address :city Turin
  larder put session/7 @session.edn --ttl 30m
  larder put lock '"mine"' --if-absent)";

constexpr const char* get_examples =
  R"(  larder get user/1
  larder get user/1 :address :city
  larder get user/1 :tags 0 --default nil
  larder --json get user/1)";

constexpr const char* update_examples =
  R"(  larder update user/1 :visits --fn inc
  larder update user/1 :tags --fn conj :admin
  larder update user/1 --fn merge '{:address {:zip "10121"}}'
  larder update state --fn swap-if :idle :busy)";

constexpr const char* erase_examples =
  R"(  larder erase user/1 :address
  larder erase user/1)";

constexpr const char* exists_examples =
  R"(  larder exists user/1
  larder exists user/1 :address)";

command_option function_option() {
  auto names = function_registry{}.names();
  return {"--fn", "NAME [ARG…]",
          fmt::format("The function: {}; its arguments follow",
                      fmt::join(names, ", ")),
          true, names};
}

command_option revision_option() {
  return {"--if-revision", "REVISION", "Only if the key has this revision"};
}

} // namespace

std::vector<command> value_commands() {
  return {
    {"put", "Store a value, whole or inside another; print the revision",
     "KEY [STEP…] VALUE", 2, any_number, put_option_list(), put_examples,
     run_put},
    {"get",
     "Print a value, or what lies inside it",
     "KEY [STEP…]",
     1,
     any_number,
     {{"--default", "VALUE", "What to print for what does not exist"}},
     get_examples,
     run_get},
    {"update",
     "Change a value by a function of it; print old and new in a vector",
     "KEY [STEP…]",
     1,
     any_number,
     {function_option(),
      {"--ttl", "DURATION", "How long the key is to live from now on"},
      revision_option()},
     update_examples,
     run_update},
    {"erase",
     "Remove a key, or what lies inside its value",
     "KEY [STEP…]",
     1,
     any_number,
     {revision_option()},
     erase_examples,
     run_erase},
    {"exists",
     "Print whether a key, or what its steps name, exists",
     "KEY [STEP…]",
     1,
     any_number,
     {},
     exists_examples,
     run_exists},
    {"meta",
     "Print what is known of a key",
     "KEY",
     1,
     1,
     {},
     "  larder meta user/1",
     run_meta},
  };
}

} // namespace larder::cli
