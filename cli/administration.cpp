// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on the store as a whole.

#include "output.hpp"
#include "session.hpp"

#include <fmt/format.h>

namespace larder::cli {

namespace {

result<void> refuse_remote(const invocation& args, std::string_view what) {
  if (!is_remote(args.store))
    return {};
  return usage_error(
    fmt::format("{}: another process serves this store: {} it where it is",
                describe_store(args), what));
}

// -- create, destroy ----------------------------------------------------------

outcome run_create(const invocation& args) {
  if (auto local = refuse_remote(args, "create"); !local)
    return fail(std::move(local.error()));
  return with_store(args, open_mode::create,
                    [](auto&) { return exit_code::fine; });
}

/// Tells what would be lost.
outcome refuse_to_destroy(const invocation& args) {
  uint64_t keys = 0;
  auto counted
    = with_store(args, open_mode::open, [&](auto& client) -> outcome {
        auto count = [&keys](key_entry&) -> expected<void> {
          ++keys;
          return {};
        };
        if (auto listed = client.for_each_key({}, count); !listed)
          return fail(to_failure(listed.error()));
        return exit_code::fine;
      });
  if (!counted)
    return counted;
  return usage_error(fmt::format("destroy would delete {} and the {} keys in "
                                 "it for good: add --yes to do that",
                                 describe_store(args), keys));
}

outcome run_destroy(const invocation& args) {
  if (auto local = refuse_remote(args, "destroy"); !local)
    return fail(std::move(local.error()));
  if (!args.has("--yes"))
    return refuse_to_destroy(args);
  if (auto res = destroy_store(args.store); !res)
    return fail(store_failure(args, res.error()));
  return exit_code::fine;
}

// -- info ---------------------------------------------------------------------

outcome run_info(const invocation& args) {
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto res = client.info();
    if (!res)
      return fail(to_failure(res.error()));
    print_value(args, *res);
    return exit_code::fine;
  });
}

constexpr const char* create_examples =
  R"(  larder create
  larder --store 'file:secret?encryptor=xaes-gcm&keyring=ring' create)";

} // namespace

std::vector<command> administration_commands() {
  return {
    {"create",
     "Make an empty store",
     "",
     0,
     0,
     {},
     create_examples,
     run_create},
    {"destroy",
     "Delete the store and everything in it",
     "",
     0,
     0,
     {{"--yes", "", "Really do it"}},
     "  larder destroy --yes",
     run_destroy},
    {"info",
     "Print what the store is",
     "",
     0,
     0,
     {},
     "  larder info",
     run_info},
  };
}

} // namespace larder::cli
