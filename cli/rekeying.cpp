// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `rekey`.

#include "copying.hpp"
#include "output.hpp"
#include "progress.hpp"

#include "larder/rekey.hpp"

#include <fmt/format.h>

#include <unordered_set>

namespace larder::cli {

namespace {

value kw(std::string_view name) {
  return value::keyword(name);
}

void print_summary(const invocation& args, const rekey_summary& sum) {
  std::vector<value::entry> left;
  for (auto [id, blobs] : sum.left)
    left.emplace_back(id, blobs);
  print_value(args, value::map({{kw("rekeyed"), sum.rekeyed},
                                {kw("bytes"), sum.bytes},
                                {kw("failed"), sum.failed},
                                {kw("blobs"), sum.blobs},
                                {kw("primary"), sum.primary},
                                {kw("left"), value::map(std::move(left))}}));
}

outcome rekey_store(const invocation& args, blocking_client& client) {
  rekey_options options;
  options.dry_run = args.has("--dry-run");
  std::unordered_set<value> told;
  progress_bar progress{std::nullopt};
  auto show = [&](const rekey_reply& page, const rekey_summary& sum) {
    for (auto& x : page.failed)
      if (told.insert(x.key).second) {
        progress.clear();
        print_message(about(x.key, x.failure->message()));
      }
    progress.update(sum.bytes, sum.blobs);
    return true;
  };
  auto sum = rekey(client, options, show);
  progress.clear();
  if (!sum)
    return fail(to_failure(sum.error()));
  print_summary(args, *sum);
  if (!options.dry_run && (sum->failed > 0 || !sum->left.empty()))
    return fail(exit_code::failed,
                "blobs are left under other keys: keep these in the keyring");
  return finish_with(sum->failed, "the count lacks");
}

outcome run_rekey(const invocation& args) {
  auto where
    = args.operands.empty() ? args : on_store(args, args.operands.front().text);
  return with_store(where, open_mode::open,
                    [&](auto& client) { return rekey_store(where, client); });
}

constexpr const char* examples = R"(  larder keyring add ring
  larder keyring primary ring 1830299713
  larder rekey 'file:data?encryptor=xaes-gcm&keyring=ring')";

} // namespace

std::vector<command> rekeying_commands() {
  return {
    {"rekey",
     "Encrypt what is stored with the primary key of the keyring",
     "[URI]",
     0,
     1,
     {{"--dry-run", "", "Only count the blobs under each other key"}},
     examples,
     run_rekey,
     "The store may be in use; it is that of --store unless there is a URI. "
     "When nothing is left under a key, it can be retired. A command that was "
     "killed is given again."},
  };
}

} // namespace larder::cli
