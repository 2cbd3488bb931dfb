// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "arguments.hpp"

#include "files.hpp"

#include "larder/text.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <limits>

namespace larder::cli {

namespace {

constexpr std::string_view edn_starts = ":\"[{(#";

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// Shortens what a message quotes of an argument.
std::string quote(std::string_view str) {
  constexpr size_t max_size = 60;
  if (str.size() <= max_size)
    return fmt::format("'{}'", str);
  return fmt::format("of {} bytes", str.size());
}

std::string_view skip_space(std::string_view str) {
  auto start = str.find_first_not_of(" \t\r\n,");
  return str.substr(std::min(start, str.size()));
}

result<value> not_parsed(std::string_view kind, const std::string& name,
                         const error& err) {
  return usage_error(
    fmt::format("{} does not parse as {}: {}", name, kind, err.message()));
}

/// Reads the digits at the front of `str` and removes them from there.
std::optional<uint64_t> take_digits(std::string_view& str) {
  uint64_t res = 0;
  auto [end, err] = std::from_chars(str.data(), str.data() + str.size(), res);
  if (err != std::errc{})
    return std::nullopt;
  str.remove_prefix(static_cast<size_t>(end - str.data()));
  return res;
}

struct unit {
  std::string_view name;
  uint64_t milliseconds;
};

constexpr unit units[] = {
  {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000},
};

} // namespace

bool looks_like_edn(std::string_view str) noexcept {
  if (str.empty())
    return false;
  if (str.front() == '-')
    return str.size() > 1 && is_digit(str[1]);
  return is_digit(str.front()) || edn_starts.find(str.front()) != str.npos
         || str == "nil" || str == "true" || str == "false";
}

// -- keys, steps and values ---------------------------------------------------

result<value> argument_reader::text(std::string text,
                                    const std::string& name) const {
  if (!is_utf8(text))
    return usage_error(name + " is not UTF-8 text; larder write takes bytes");
  if (!args_.edn && !looks_like_edn(text))
    return value{std::move(text)};
  if (auto x = parse_edn(text))
    return std::move(*x);
  else
    return not_parsed(args_.edn
                        ? "EDN"
                        : "EDN (a plain string that starts like EDN must be "
                          "written as EDN, in quotation marks)",
                      name, x.error());
}

result<value> argument_reader::key(const argument& x) const {
  return text(x.text, quote(x.text));
}

result<path> argument_reader::steps(std::span<const argument> xs) const {
  path res;
  for (auto& x : xs) {
    auto step = key(x);
    if (!step)
      return fail(std::move(step.error()));
    res.push_back(std::move(*step));
  }
  return res;
}

result<value> argument_reader::content(const argument& x) {
  auto str = x.text;
  auto name = quote(str);
  auto is_input = str == "-";
  if (is_input || str.starts_with('@')) {
    if (is_input && std::exchange(input_read_, true))
      return usage_error("standard input can be read for one value only");
    name = is_input ? "standard input" : str.substr(1);
    auto read = read_file(is_input ? str : name);
    if (!read)
      return fail(std::move(read.error()));
    str = std::move(*read);
    if (str.ends_with('\n'))
      str.pop_back();
    // Text in a file may be indented; an argument is taken as it is.
    if (auto start = skip_space(str); looks_like_edn(start))
      str = start;
  }
  if (!args_.json)
    return text(std::move(str), name);
  if (auto parsed = parse_json(str))
    return std::move(*parsed);
  else
    return not_parsed("JSON", name, parsed.error());
}

result<std::vector<value>>
argument_reader::contents(std::span<const argument> xs) {
  std::vector<value> res;
  for (auto& x : xs) {
    auto parsed = content(x);
    if (!parsed)
      return fail(std::move(parsed.error()));
    res.push_back(std::move(*parsed));
  }
  return res;
}

result<value> argument_reader::prefix() const {
  auto* arg = args_.find("--prefix");
  if (arg == nullptr)
    return value{};
  std::string_view str = arg->text;
  if (!is_utf8(str))
    return usage_error("--prefix is not UTF-8 text");
  if (str.starts_with(':'))
    return value::keyword(str.substr(1));
  if (str.starts_with('"'))
    return key(*arg);
  return args_.edn ? value::symbol(str) : value{str};
}

// -- options ------------------------------------------------------------------

result<time_to_live> argument_reader::ttl() const {
  auto* arg = args_.find("--ttl");
  if (arg == nullptr)
    return time_to_live{};
  auto res = parse_duration(arg->text);
  if (!res)
    return fail(std::move(res.error()));
  return time_to_live{*res};
}

result<write_condition> argument_reader::condition() const {
  write_condition res;
  res.must_be_absent = args_.has("--if-absent");
  auto* arg = args_.find("--if-revision");
  if (arg == nullptr)
    return res;
  if (res.must_be_absent)
    return usage_error("--if-absent and --if-revision exclude each other");
  auto rev = revision::parse(arg->text);
  if (!rev)
    return usage_error("--if-revision: " + rev.error().message());
  res.must_match = *rev;
  return res;
}

result<put_options> argument_reader::put() {
  auto life = ttl();
  if (!life)
    return fail(std::move(life.error()));
  auto cond = condition();
  if (!cond)
    return fail(std::move(cond.error()));
  put_options res{{}, *life, *cond};
  if (auto* arg = args_.find("--meta")) {
    auto extras = content(*arg);
    if (!extras)
      return fail(std::move(extras.error()));
    if (auto checked = metadata::check_extras(*extras); !checked)
      return usage_error("--meta: " + checked.error().message());
    res.extras = std::move(*extras);
  }
  return res;
}

std::vector<command_option> put_option_list() {
  return {
    {"--ttl", "DURATION",
     "How long it is to live, as in 30s, 500ms, 5m, 2h, 1d; 0: for ever"},
    {"--if-absent", "", "Only if the key does not exist"},
    {"--if-revision", "REVISION", "Only if the key has this revision"},
    {"--meta", "MAP", "Entries to add to the metadata"},
  };
}

// -- numbers ------------------------------------------------------------------

result<std::chrono::milliseconds> parse_duration(std::string_view str) {
  constexpr auto max
    = static_cast<uint64_t>(std::chrono::milliseconds::max().count());
  auto rest = str;
  if (auto n = take_digits(rest)) {
    if (rest.empty() && *n == 0)
      return std::chrono::milliseconds{0};
    for (auto& x : units)
      if (rest == x.name && *n <= max / x.milliseconds)
        return std::chrono::milliseconds{*n * x.milliseconds};
  }
  return usage_error(
    fmt::format("{} is no duration: write one as in 30s, with one of the units "
                "ms, s, m, h and d, or 0 for ever",
                quote(str)));
}

result<byte_range> parse_range(std::string_view str) {
  auto rest = str;
  if (auto first = take_digits(rest); first && rest.starts_with('-')) {
    rest.remove_prefix(1);
    if (rest.empty())
      return byte_range{*first, std::nullopt};
    auto last = take_digits(rest);
    if (last && rest.empty() && *first <= *last) {
      // The whole of 2^64 bytes does not fit into a length, nor anywhere.
      auto length = *last - *first;
      if (length == std::numeric_limits<uint64_t>::max())
        return byte_range{*first, std::nullopt};
      return byte_range{*first, length + 1};
    }
  }
  return usage_error(
    fmt::format("{} is no range: write the positions of the first and the last "
                "byte, counted from 0, as in 0-99, or 100- for the rest",
                quote(str)));
}

result<uint64_t> parse_number(std::string_view name, std::string_view str,
                              uint64_t max) {
  auto rest = str;
  if (auto n = take_digits(rest); n && rest.empty() && *n <= max)
    return *n;
  return usage_error(
    fmt::format("{}: {} is no number from 0 to {}", name, quote(str), max));
}

} // namespace larder::cli
