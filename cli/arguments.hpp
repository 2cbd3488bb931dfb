// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the text of arguments means.

#pragma once

#include "command.hpp"

#include "larder/blocking_client.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace larder::cli {

/// Reads keys, path steps and values: EDN if the text starts like EDN, else a
/// plain string, unless `--edn` or `--json` say otherwise.
class argument_reader {
public:
  explicit argument_reader(const invocation& args) : args_(args) {
    // nop
  }

  /// Reads a key or a path step.
  result<value> key(const argument& x) const;

  result<path> steps(std::span<const argument> xs) const;

  /// Reads a value; `-` is standard input (once) and `@FILE` a file, of which
  /// one final line break is not part of the text.
  result<value> content(const argument& x);

  /// Reads several values.
  result<std::vector<value>> contents(std::span<const argument> xs);

  /// Reads the options `--ttl`, `--if-absent`, `--if-revision` and `--meta`.
  result<put_options> put();

  /// Reads `--ttl`.
  result<time_to_live> ttl() const;

  /// Reads `--if-absent` and `--if-revision`.
  result<write_condition> condition() const;

  /// Reads `--prefix`: a keyword if it starts with a colon, an EDN string if
  /// with a quotation mark, with `--edn` a symbol, else a plain string. Nil if
  /// the option is not there.
  result<value> prefix() const;

private:
  result<value> text(std::string text, const std::string& name) const;

  const invocation& args_;
  bool input_read_ = false;
};

/// The options that `argument_reader::put` reads.
std::vector<command_option> put_option_list();

/// Returns whether `str` starts like EDN or is nil, true or false.
bool looks_like_edn(std::string_view str) noexcept;

/// Reads a number with one of the units ms, s, m, h and d, or 0.
result<std::chrono::milliseconds> parse_duration(std::string_view str);

/// A range of bytes.
struct byte_range {
  uint64_t offset = 0;
  std::optional<uint64_t> length; ///< nothing: to the end
};

/// Reads `A-B`, both ends included, or `A-`.
result<byte_range> parse_range(std::string_view str);

/// Reads an unsigned number of at most `max`.
result<uint64_t> parse_number(std::string_view name, std::string_view str,
                              uint64_t max = UINT64_MAX);

} // namespace larder::cli
