// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `copy`, and what it shares with `backup` and `restore`.

#include "copying.hpp"

#include "keyrings.hpp"
#include "output.hpp"
#include "progress.hpp"

#include "larder/backup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace larder::cli {

namespace {

value kw(std::string_view name) {
  return value::keyword(name);
}

outcome finish_copy(const invocation& args, const copy_counts& x,
                    bool verified) {
  std::vector<value::entry> shown{
    {kw("copied"), x.restored},
    {kw("raw"), x.raw},
    {kw("re-encoded"), x.restored - x.raw},
    {kw("skipped"), x.skipped},
    {kw("binaries"), x.binaries},
    {kw("logs"), x.logs},
    {kw("bytes"), x.bytes},
    {kw("expired"), x.expired},
    {kw("failed"), x.failed},
    {kw("missing"), x.missing},
  };
  if (verified) {
    shown.emplace_back(kw("verified"), x.verified);
    shown.emplace_back(kw("changed"), x.changed);
    shown.emplace_back(kw("different"), x.different);
  }
  print_value(args, value::map(std::move(shown)));
  return finish_with(x.failed + x.missing + x.different, "the copy lacks");
}

outcome run_copy(const invocation& args) {
  for (auto& x : args.operands)
    if (!names_store(x.text))
      return usage_error(fmt::format("'{}' is no URI of a store", x.text));
  auto& from = args.operands[0].text;
  auto& to = args.operands[1].text;
  if (from == to)
    return usage_error("a store cannot be copied into itself");
  return copy_stores(on_store(args, from), on_store(args, to));
}

constexpr const char* examples = R"(  larder copy file:data lmdb:copy
  larder copy caf://host:4242 'file:copy?encryptor=xaes-gcm&keyring=ring'
  larder copy file:data lmdb:copy --merge)";

} // namespace

// -- what other commands use --------------------------------------------------

bool names_store(std::string_view text) {
  auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  auto colon = text.find(':');
  return colon != std::string_view::npos && colon > 0
         && std::ranges::all_of(text.substr(0, colon), is_letter);
}

invocation on_store(const invocation& args, const std::string& uri) {
  auto result = args;
  result.store = uri;
  return result;
}

void report_key(const value& key, const error& why) {
  print_message(about(key, why.message()));
}

outcome finish_with(uint64_t left_out, std::string_view what) {
  if (left_out == 0)
    return exit_code::fine;
  return fail(exit_code::failed, fmt::format("{} {} keys", what, left_out));
}

result<std::shared_ptr<const keyring>> keys_for(const invocation& args,
                                                const session& otherwise) {
  auto* file = args.find("--keyring");
  if (file == nullptr)
    return otherwise.keys();
  auto ring = load_keyring(args, file->text);
  if (!ring)
    return fail(std::move(ring.error()));
  return std::make_shared<const keyring>(std::move(*ring));
}

failure restore_failure(const error& err) {
  if (err == errc::unknown_encryption_key)
    return {exit_code::failed,
            err.message()
              + "; --keyring names the keys of the store that is read"};
  if (err == errc::already_exists)
    return {exit_code::failed, err.message() + " with --merge"};
  return to_failure(err);
}

command_option per_key_option() {
  return {"--per-key", "",
          "Save each key as of a moment of its own, also where the engine can "
          "keep one moment of all: for a store that is short of room"};
}

// -- copying ------------------------------------------------------------------

outcome copy_stores(const invocation& from, const invocation& to) {
  return with_session(from, open_mode::open, [&](session& source) -> outcome {
    auto keys = keys_for(from, source);
    if (!keys)
      return fail(std::move(keys.error()));
    auto work = [&](blocking_client& target) -> outcome {
      copy_options options;
      options.keys = std::move(*keys);
      options.merge = from.has("--merge");
      options.require_encryption = from.has("--require-encryption");
      options.verify = !from.has("--no-verify");
      options.one_moment = !from.has("--per-key");
      options.on_failure = report_key;
      progress_bar progress{std::nullopt};
      options.progress = [&progress](const restore_counts& x) {
        progress.update(x.bytes, x.restored);
      };
      options.verifying = [&progress](uint64_t n) { progress.update(0, n); };
      auto counts = copy_store(source.client(), target, options);
      progress.clear();
      if (!counts)
        return fail(restore_failure(counts.error()));
      return finish_copy(from, *counts, options.verify);
    };
    return with_store(to, open_mode::open_or_create, work);
  });
}

std::vector<command> copying_commands() {
  return {
    {"copy",
     "Copy all keys of a store into another one, which is made if there is "
     "none",
     "SRC DST",
     2,
     2,
     {{"--merge", "",
       "Into a store that is not empty: go on with a copy that broke off; "
       "replace keys of the same name, keep all others"},
      {"--no-verify", "", "Do not compare the copy with the original"},
      per_key_option(),
      {"--keyring", "FILE",
       "The keys of SRC, if its URI names none or it is served by another "
       "process"},
      passphrase_option()},
     examples,
     run_copy,
     "Keys keep their metadata, expiry and time of the last write, and their "
     "revision: with --merge, keys that have it already are skipped. What is "
     "encoded as DST encodes is taken over as it is, unless it is encrypted."},
  };
}

} // namespace larder::cli
