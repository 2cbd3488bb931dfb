// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The commands `backup`, `restore` and `archive verify`.

#include "copying.hpp"
#include "files.hpp"
#include "keyrings.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "session.hpp"

#include "larder/backup.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace larder::cli {

namespace {

value kw(std::string_view name) {
  return value::keyword(name);
}

// -- archives as files --------------------------------------------------------

archive_reader::source_fn source_of(input_file file) {
  auto shared = std::make_shared<input_file>(std::move(file));
  return [shared](std::span<std::byte> dst) -> expected<size_t> {
    auto n = shared->read(dst);
    if (!n)
      return larder::fail(errc::io_error, n.error().message);
    return *n;
  };
}

open_archive_fn opener_of(const std::string& name) {
  return [name]() -> expected<archive_reader::source_fn> {
    auto file = input_file::open(name);
    if (!file)
      return larder::fail(errc::io_error, file.error().message);
    return source_of(std::move(*file));
  };
}

failure archive_failure(const std::string& name, const error& err) {
  auto& what = err.message();
  auto named = what.starts_with(name + ": ");
  return {exit_code::failed, named ? what : name + ": " + what};
}

/// Reads and checks archives that build on each other.
result<archive_index> check(const std::vector<std::string>& names,
                            bool check_blobs) {
  std::vector<open_archive_fn> openers;
  std::ranges::transform(names, std::back_inserter(openers), opener_of);
  auto index = check_archives(openers, check_blobs);
  if (!index)
    return fail(archive_failure(names.size() == 1 ? names.front() : "archives",
                                index.error()));
  return std::move(*index);
}

std::vector<std::string> names_of(const invocation& args) {
  std::vector<std::string> result;
  for (auto& x : args.operands)
    result.push_back(x.text);
  return result;
}

// -- backup -------------------------------------------------------------------

outcome write_archive(const invocation& args, blocking_client& client,
                      const archive_index* since) {
  auto& name = args.operands.front().text;
  auto file = output_file::open(name);
  if (!file)
    return fail(std::move(file.error()));
  std::optional<failure> broken;
  auto sink = [&](bytes_view data) -> expected<void> {
    if (auto written = file->write(data); !written) {
      broken = std::move(written.error());
      return larder::fail(errc::io_error, broken->message);
    }
    return {};
  };
  progress_bar progress{std::nullopt};
  backup_options options;
  options.since = since;
  options.one_moment = !args.has("--per-key");
  options.on_missing = report_key;
  options.progress = [&progress](const archive_counts& x) {
    progress.update(x.bytes, x.records + x.unchanged);
  };
  auto made = backup(client, sink, options);
  if (broken)
    return fail(std::move(*broken));
  if (!made)
    return fail(to_failure(made.error()));
  if (auto committed = file->commit(); !committed)
    return fail(std::move(committed.error()));
  auto& counts = made->counts;
  if (name != "-")
    print_value(args, value::map({{kw("archive"), made->head.id},
                                  {kw("keys"), counts.records},
                                  {kw("unchanged"), counts.unchanged},
                                  {kw("bytes"), counts.bytes},
                                  {kw("missing"), counts.missing},
                                  {kw("one-moment"), made->one_moment}}));
  return finish_with(counts.missing, "the backup lacks");
}

/// Refuses to write over what the new archive will be worth nothing without.
result<void> check_spares(const std::string& name, const std::string& since,
                          const archive_index& base) {
  std::error_code ignored;
  if (std::filesystem::equivalent(name, since, ignored))
    return usage_error(
      fmt::format("'{}' is the archive that --since names, which is needed to "
                  "restore the new one: name another file",
                  name));
  if (!base.head().base || !std::filesystem::is_regular_file(name, ignored))
    return {};
  auto there = check({name}, false);
  if (there && there->head().id == *base.head().base)
    return usage_error(
      fmt::format("'{}' is the archive that '{}' builds on, which is needed to "
                  "restore it: name another file",
                  name, since));
  return {};
}

outcome run_backup(const invocation& args) {
  auto& name = args.operands.front().text;
  auto* since = args.find("--since");
  if (names_store(name)) {
    if (since != nullptr)
      return usage_error("--since is for archives: a store is copied whole");
    return copy_stores(args, on_store(args, name));
  }
  if (args.has("--merge") || args.has("--keyring"))
    return usage_error("an archive takes neither --merge nor --keyring: it is "
                       "made of what is stored, as it is");
  if (name == "-" && ::isatty(STDOUT_FILENO) == 1)
    return usage_error("an archive is nothing for a terminal: name a file, or "
                       "send it into a pipe");
  std::optional<archive_index> before;
  if (since != nullptr) {
    auto index = check({since->text}, false);
    if (!index)
      return fail(std::move(index.error()));
    if (auto ok = check_spares(name, since->text, *index); !ok)
      return fail(std::move(ok.error()));
    before = std::move(*index);
  }
  return with_store(args, open_mode::open, [&](auto& client) {
    return write_archive(args, client, before ? &*before : nullptr);
  });
}

// -- restore ------------------------------------------------------------------

/// Options that tell the user what goes on; `progress` must outlive them.
restore_options options_for(const invocation& args,
                            std::shared_ptr<const keyring> keys,
                            progress_bar& progress) {
  restore_options result;
  result.keys = std::move(keys);
  result.merge = args.has("--merge");
  result.require_encryption = args.has("--require-encryption");
  result.on_failure = report_key;
  result.progress = [&progress](const restore_counts& x) {
    progress.update(x.bytes, x.restored);
  };
  return result;
}

outcome finish_restore(const invocation& args,
                       const expected<restore_counts>& counts) {
  if (!counts)
    return fail(restore_failure(counts.error()));
  print_value(args, value::map({{kw("restored"), counts->restored},
                                {kw("bytes"), counts->bytes},
                                {kw("expired"), counts->expired},
                                {kw("failed"), counts->failed},
                                {kw("missing"), counts->missing}}));
  return finish_with(counts->failed + counts->missing,
                     "what is restored lacks");
}

/// Restores archives that can be read twice: they are checked before there is
/// a store.
outcome restore_files(const invocation& args) {
  auto names = names_of(args);
  auto plan = check(names, false);
  if (!plan)
    return fail(std::move(plan.error()));
  if (auto complete = plan->check_complete(); !complete)
    return fail(archive_failure(names.front(), complete.error()));
  std::vector<open_archive_fn> openers;
  std::ranges::transform(names, std::back_inserter(openers), opener_of);
  auto work = [&](session& target) -> outcome {
    auto keys = keys_for(args, target);
    if (!keys)
      return fail(std::move(keys.error()));
    progress_bar progress{std::nullopt};
    auto options = options_for(args, *keys, progress);
    return finish_restore(args,
                          restore(target.client(), openers, *plan, options));
  };
  return with_session(args, open_mode::open_or_create, work);
}

/// Restores what comes through a pipe.
outcome restore_stream(const invocation& args, input_file file) {
  auto& name = args.operands.front().text;
  auto work = [&](session& target) -> outcome {
    auto keys = keys_for(args, target);
    if (!keys)
      return fail(std::move(keys.error()));
    progress_bar progress{std::nullopt};
    auto options = options_for(args, *keys, progress);
    uint64_t restored = 0;
    options.progress = [&](const restore_counts& x) {
      restored = x.restored;
      progress.update(x.bytes, x.restored);
    };
    auto counts = restore(target.client(), source_of(std::move(file)), options);
    if (!counts && counts.error() == errc::corruption)
      return fail(exit_code::failed,
                  fmt::format("{}: {}; {} keys are restored, the rest is not",
                              name, counts.error().message(), restored));
    return finish_restore(args, counts);
  };
  return with_session(args, open_mode::open_or_create, work);
}

/// Whether a source of bytes is gone once it has been read.
bool is_stream(const std::string& name) {
  std::error_code ignored;
  return name == "-"
         || (std::filesystem::exists(name, ignored)
             && !std::filesystem::is_regular_file(name, ignored));
}

outcome run_restore(const invocation& args) {
  auto& first = args.operands.front().text;
  if (args.operands.size() == 1 && names_store(first))
    return copy_stores(on_store(args, first), args);
  for (auto& x : args.operands)
    if (args.operands.size() > 1 && (is_stream(x.text) || names_store(x.text)))
      return usage_error(
        fmt::format("'{}' is no file: several archives must be "
                    "files, which are checked before they are "
                    "restored",
                    x.text));
  if (!is_stream(first))
    return restore_files(args);
  auto file = input_file::open(first);
  if (!file)
    return fail(std::move(file.error()));
  return restore_stream(args, std::move(*file));
}

// -- archive verify -----------------------------------------------------------

outcome run_archive_verify(const invocation& args) {
  auto index = check(names_of(args), true);
  if (!index)
    return fail(std::move(index.error()));
  auto& head = index->head();
  auto& counts = index->counts();
  print_value(args,
              value::map({{kw("archive"), head.id},
                          {kw("base"), head.base ? value{*head.base} : value{}},
                          {kw("store"), head.store},
                          {kw("name"), head.store_name},
                          {kw("created"), value::instant(head.created)},
                          {kw("keys"), counts.records},
                          {kw("unchanged"), counts.unchanged},
                          {kw("bytes"), counts.bytes},
                          {kw("missing"), counts.missing}}));
  return exit_code::fine;
}

// -- commands -----------------------------------------------------------------

constexpr const char* backup_examples =
  R"(  larder backup monday.larder
  larder backup tuesday.larder --since monday.larder
  larder backup - | ssh other larder restore -
  larder backup 'file:copy?compressor=zstd')";

constexpr const char* restore_examples =
  R"(  larder --store file:again restore monday.larder tuesday.larder
  larder --store file:again restore monday.larder --keyring ring
  larder --store file:again restore file:copy)";

constexpr const char* verify_examples =
  R"(  larder archive verify monday.larder tuesday.larder
  larder backup - | tee monday.larder | larder archive verify -)";

} // namespace

std::vector<command> backup_commands() {
  command_option keys{"--keyring", "FILE",
                      "The keys of the store that is read, if the one that is "
                      "opened has others or is served by another process"};
  command_option merge{"--merge", "",
                       "Into a store that is not empty: replace the keys that "
                       "are restored, keep all others"};
  return {
    {"backup",
     "Save all keys into an archive or another store, while they are used",
     "FILE|-|URI",
     1,
     1,
     {{"--since", "ARCHIVE",
       "Only what has changed since that archive, which is then needed to "
       "restore this one"},
      per_key_option(),
      keys,
      passphrase_option(),
      merge},
     backup_examples,
     run_backup},
    {"restore",
     "Put the keys of an archive or another store back; several archives must "
     "build on each other",
     "FILE…|-|URI",
     1,
     any_number,
     {keys,
      passphrase_option(),
      {"--require-encryption", "", "Leave out what is not encrypted"},
      merge},
     restore_examples,
     run_restore},
    {"archive verify",
     "Check archives, without restoring them and without any key",
     "FILE…|-",
     1,
     any_number,
     {},
     verify_examples,
     run_archive_verify},
  };
}

} // namespace larder::cli
