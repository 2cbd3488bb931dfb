// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/logging.hpp"

#include "larder/text.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace larder {

namespace {

constexpr std::string_view level_names[]
  = {"debug", "info", "warning", "error"};

spdlog::level::level_enum to_spdlog(log_level x) noexcept {
  constexpr spdlog::level::level_enum levels[]
    = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
       spdlog::level::err};
  return levels[static_cast<size_t>(x)];
}

std::string as_text(const log_event& event) {
  std::string result{event.name};
  for (auto& x : event.fields) {
    result += ' ';
    result += x.name;
    result += '=';
    result += to_edn(x.content);
  }
  return result;
}

/// The members that follow time and level, which the pattern writes.
std::string as_json(const log_event& event) {
  auto result = "\"event\":" + to_json(event.name);
  for (auto& x : event.fields)
    result += "," + to_json(x.name) + ":" + to_json(x.content);
  return result;
}

/// One logger of its own: larder has no global state, nor has it in spdlog.
class spdlog_sink : public log_sink {
public:
  spdlog_sink(const log_options& options, spdlog::sink_ptr to)
    : format_(options.format), logger_("larder", std::move(to)) {
    logger_.set_level(to_spdlog(options.level));
    logger_.flush_on(spdlog::level::debug);
    auto pattern = format_ == log_format::json
                     ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                     : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
      pattern, spdlog::pattern_time_type::utc));
  }

  void write(const log_event& event) noexcept override {
    auto level = to_spdlog(event.level);
    if (!logger_.should_log(level))
      return;
    try {
      auto line = format_ == log_format::json ? as_json(event) : as_text(event);
      logger_.log(level, spdlog::string_view_t{line.data(), line.size()});
    } catch (...) {
      // There is no better place to tell it.
    }
  }

private:
  log_format format_;
  spdlog::logger logger_;
};

} // namespace

std::string_view to_string(log_level x) noexcept {
  return level_names[static_cast<size_t>(x)];
}

expected<log_level> parse_log_level(std::string_view name) {
  for (size_t i = 0; i < std::size(level_names); ++i)
    if (level_names[i] == name)
      return static_cast<log_level>(i);
  return fail(errc::invalid_argument,
              "'" + std::string{name}
                + "' is no log level: debug, info, warning or error");
}

expected<std::shared_ptr<log_sink>> open_log(const log_options& options) {
  try {
    spdlog::sink_ptr to;
    if (options.file.empty())
      to = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      to = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    return std::make_shared<spdlog_sink>(options, std::move(to));
  } catch (const std::exception& ex) {
    return fail(errc::io_error,
                "cannot log to " + options.file + ": " + ex.what());
  }
}

} // namespace larder
