// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command that moves a konserve store out of old layouts: `migrate`.

#include "larder/konserve/migration.hpp"

#include "output.hpp"
#include "progress.hpp"
#include "session.hpp"

#include "larder/text.hpp"

#include <fmt/format.h>

namespace larder::cli {

namespace {

using konserve::migration_counts;

value to_value(const migration_counts& x) {
  auto kw = [](std::string_view name) { return value::keyword(name); };
  return value::map({{kw("found"), x.found},
                     {kw("moved"), x.moved},
                     {kw("removed"), x.removed},
                     {kw("unnamed"), x.unnamed},
                     {kw("failed"), x.failed.size()}});
}

outcome run_migrate(const invocation& args) {
  auto text = args.operands.empty() ? args.store : args.operands[0].text;
  auto where = uri::parse(text);
  if (!where)
    return usage_error(where.error().message());
  if (where->scheme != "konserve")
    return usage_error(fmt::format(
      "{}: only konserve stores have old layouts: give konserve:DIR",
      redacted(*where)));
  expected<migration_counts> done;
  {
    progress_bar progress{std::nullopt};
    done = konserve::migrate(*where, [&](const migration_counts& x) {
      progress.update(0, x.found);
      return true;
    });
  }
  if (!done)
    return fail(to_failure(done.error()));
  for (auto& [file, problem] : done->failed)
    print_message(fmt::format("{}: {}", file, problem.message()));
  print_value(args, to_value(*done));
  if (done->unnamed > 0)
    print_message(fmt::format(
      "{} binaries are left whose keys konserve did not store: read each by "
      "its key, with --store '{}{}migrate=yes'",
      done->unnamed, redacted(*where), where->options.empty() ? "?" : "&"));
  auto left = done->unnamed > 0 || !done->failed.empty();
  return left ? exit_code::failed : exit_code::fine;
}

constexpr const char* examples = R"(  larder migrate konserve:old-store
  larder migrate 'konserve:old-store?encryptor=aes-gcm&key-file=key')";

constexpr const char* details
  = R"(Values that konserve 0.4 and 0.5 wrote become files of the layout that it has had since. What was moved is durable before the old file goes, so the command can be killed at any moment and run again, and others may use the store meanwhile. Prints how many old files were found, were moved, were removed because their keys had newer values, have no name (binaries before 0.5: they are moved when they are read by their keys) and could not be moved. Exits with 3 if anything is left.)";

} // namespace

std::vector<command> migration_commands() {
  return {
    {"migrate",
     "Move a konserve store out of the layouts of 0.4 and 0.5",
     "[URI]",
     0,
     1,
     {},
     examples,
     run_migrate,
     details},
  };
}

} // namespace larder::cli
