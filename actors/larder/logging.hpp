// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a store tells its operator: one event per thing worth attention, with
/// named fields. docs/operations.md lists the events.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace larder {

enum class log_level : uint8_t {
  debug,   ///< for finding out what larder does
  info,    ///< a store was opened, a client came or went, …
  warning, ///< somebody got an error that more resources would have avoided
  error,   ///< the engine failed, or data is damaged
};

std::string_view to_string(log_level x) noexcept;

/// Reads the name of a level.
/// @returns `invalid_argument`
expected<log_level> parse_log_level(std::string_view name);

struct log_field {
  std::string_view name;
  value content;
};

struct log_event {
  log_level level;
  std::string_view name; ///< such as "commit-failed"
  std::span<const log_field> fields;
};

/// Takes events. A store calls it from any of its threads, so it must be
/// thread-safe, quick, and throw nothing.
class log_sink {
public:
  virtual ~log_sink() = default;

  virtual void write(const log_event& event) noexcept = 0;
};

enum class log_format : uint8_t {
  text, ///< time, level, event, then `name=value` with values as EDN
  json, ///< one object per line
};

struct log_options {
  log_format format = log_format::text;
  /// Events below it are dropped.
  log_level level = log_level::info;
  /// The file to append to; empty: standard error.
  std::string file;
};

/// Makes a sink that writes one line per event, with spdlog.
/// @returns `io_error` if the file cannot be opened
expected<std::shared_ptr<log_sink>> open_log(const log_options& options);

} // namespace larder
