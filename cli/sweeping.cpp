// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command that deletes what is not on a list: `sweep`.

#include "arguments.hpp"
#include "files.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "session.hpp"

#include "larder/collection.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace larder::cli {

namespace {

std::string_view trimmed(std::string_view str) {
  constexpr std::string_view blanks = " \t\r";
  auto begin = str.find_first_not_of(blanks);
  if (begin == str.npos)
    return {};
  return str.substr(begin, str.find_last_not_of(blanks) + 1 - begin);
}

/// Adds every key that a line may stand for: by the rules for arguments, with
/// blanks around it and without, and as `larder keys` prints keys. What is
/// meant by `foo`, a string or a symbol, nobody can tell, and to keep too much
/// does no harm.
result<void> add_keys(const argument_reader& reader, size_t number,
                      std::string_view line, std::vector<value>& keys) {
  auto text = trimmed(line);
  if (text.empty())
    return {};
  auto key = reader.key({number, std::string{text}});
  if (!key)
    return fail(std::move(key.error()));
  keys.push_back(std::move(*key));
  if (auto printed = parse_edn(text); printed && *printed != keys.back())
    keys.push_back(std::move(*printed));
  if (line != text)
    if (auto exact = reader.key({number, std::string{line}}))
      keys.push_back(std::move(*exact));
  return {};
}

/// Reads the keys in a file, one per line.
result<std::vector<value>> read_keys(const invocation& args,
                                     const std::string& file) {
  auto text = read_file(file);
  if (!text)
    return fail(std::move(text.error()));
  argument_reader reader{args};
  std::vector<value> keys;
  std::string_view rest = *text;
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (rest.starts_with(byte_order_mark))
    rest.remove_prefix(byte_order_mark.size());
  for (size_t number = 1; !rest.empty(); ++number) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (auto ok = add_keys(reader, number, line, keys); !ok)
      return fail(ok.error().code, fmt::format("{}: line {}: {}", file, number,
                                               ok.error().message));
  }
  return keys;
}

int64_t now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch())
    .count();
}

/// Reads a point in time: `#inst "…"`, what stands between its quotation marks,
/// or a duration with a minus before it.
result<int64_t> parse_stamp(const std::string& text) {
  if (text.starts_with('-')) {
    auto ago = parse_duration(std::string_view{text}.substr(1));
    if (!ago)
      return fail(std::move(ago.error()));
    return now() - ago->count();
  }
  auto quoted = text.find_first_not_of("0123456789-+:.TZ") == text.npos;
  auto parsed = parse_edn(quoted ? "#inst \"" + text + "\"" : text);
  if (!parsed || !parsed->is(value::kind::instant))
    return usage_error(fmt::format(
      "--before: '{}' is no point in time: write a date such as 2024-01-31, "
      "2024-01-31T12:00:00Z, #inst \"2024-01-31\", or how long ago, such as "
      "-1h",
      text));
  return parsed->as_instant();
}

result<sweep_options> read_options(const invocation& args) {
  auto keys = read_keys(args, args.find("--keep")->text);
  if (!keys)
    return fail(std::move(keys.error()));
  sweep_options options;
  options.keep = make_key_source(std::move(*keys));
  options.dry_run = args.has("--dry-run");
  if (auto* arg = args.find("--before")) {
    auto before = parse_stamp(arg->text);
    if (!before)
      return fail(std::move(before.error()));
    options.before = *before;
  }
  return options;
}

outcome run_sweep(const invocation& args) {
  auto options = read_options(args);
  if (!options)
    return fail(std::move(options.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto undecided = false;
    expected<sweep_summary> done;
    {
      progress_bar progress{std::nullopt};
      auto show = [&](const sweep_page_reply& page, const sweep_summary& sum) {
        progress.clear();
        for (auto& key : page.deleted)
          print_value(args, key);
        for (auto& x : page.undecided)
          print_message(about(x.key, x.failure->message()));
        undecided |= !page.undecided.empty();
        progress.update(0, sum.examined);
        return !output_failed();
      };
      done = sweep(client, *options, show);
    }
    if (!done)
      return fail(to_failure(done.error()));
    if (!done->next.empty()) {
      print_message("the sweep was given up, as nobody takes its output: some "
                    "keys are deleted, others are not");
      return exit_code::failed;
    }
    return undecided ? exit_code::failed : exit_code::fine;
  });
}

constexpr const char* examples = R"(  larder keys --prefix user/ > keep
  larder sweep --keep keep --before -1h --dry-run
  larder sweep --keep keep --before 2024-01-31T12:00:00Z)";

} // namespace

std::vector<command> sweeping_commands() {
  return {
    {"sweep",
     "Delete all keys that are not in a list",
     "",
     0,
     0,
     {{"--keep", "FILE", "The keys to keep, one per line (-: standard input)",
       true},
      {"--before", "STAMP",
       "Spare what was written then or later: a date, or how long ago, such as "
       "-1h (default: now); give the time before the list was begun"},
      {"--dry-run", "", "Only print what would be deleted"}},
     examples,
     run_sweep},
  };
}

} // namespace larder::cli
