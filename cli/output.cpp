// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "output.hpp"

#include "larder/text.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace larder::cli {

namespace {

/// Greatest number of bytes of a key in a message.
constexpr size_t max_description = 200;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// A message is one line of UTF-8 and does nothing to a terminal.
std::string printable(std::string_view str) {
  auto last = is_utf8(str) ? 0xFF : 0x7E;
  std::string res;
  for (auto c : str) {
    auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7F || code > last)
      res += fmt::format("\\x{:02x}", code);
    else
      res += c;
  }
  return res;
}

bool abandoned = false;

/// A failure stays on record: flush_output reports it.
template <class F>
bool tried(F use_output) {
  errno = 0;
  auto ok = use_output();
  abandoned |= !ok && errno == EPIPE;
  return ok;
}

bool flush() {
  return tried([] { return std::fflush(stdout) == 0; });
}

} // namespace

void print_text(std::string_view str) {
  tried([str] {
    return std::fwrite(str.data(), 1, str.size(), stdout) == str.size();
  });
}

void print_value(const invocation& args, const value& x) {
  print_text((args.json ? to_json(x) : to_edn(x)) + "\n");
}

void print_word(const invocation& args, std::string_view str) {
  if (args.json)
    print_value(args, str);
  else
    print_text(std::string{str} + "\n");
}

void print_message(std::string_view message) {
  print_notice("larder: " + printable(message));
}

void print_notice(std::string_view line) {
  // In this order, should both go to the same place.
  flush();
  auto text = std::string{line} + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string describe(const value& key) {
  auto res = printable(to_edn(key));
  if (res.size() <= max_description)
    return res;
  auto end = max_description;
  while (continues_character(res[end]))
    --end;
  return res.substr(0, end) + "…";
}

std::string about(const value& key, std::string_view what) {
  // Many messages name the key themselves, in full.
  auto text = to_edn(key);
  if (what.ends_with(": " + text))
    what.remove_suffix(text.size() + 2);
  else if (what.starts_with(text + ": "))
    what.remove_prefix(text.size() + 2);
  else if (what.starts_with(text + " "))
    what.remove_prefix(text.size() + 1);
  return fmt::format("{}: {}", describe(key), what);
}

bool output_failed() {
  return std::ferror(stdout) != 0;
}

bool output_abandoned() {
  return abandoned;
}

result<void> flush_output() {
  if (flush() && !output_failed())
    return {};
  return fail(exit_code::failed,
              fmt::format("cannot write to standard output: {}",
                          errno != 0 ? std::strerror(errno) : "it failed"));
}

exit_code to_exit_code(errc code) noexcept {
  switch (code) {
    case errc::not_found:
      return exit_code::not_found;
    case errc::precondition_failed:
      return exit_code::precondition_failed;
    case errc::invalid_argument:
    case errc::parse_error:
      return exit_code::usage;
    default:
      return exit_code::failed;
  }
}

failure to_failure(const error& err) {
  return {to_exit_code(err.code()), err.message()};
}

failure to_failure(const value& key, const error& err) {
  return {to_exit_code(err.code()), about(key, err.message())};
}

} // namespace larder::cli
