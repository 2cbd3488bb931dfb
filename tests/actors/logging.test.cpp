// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/logging.hpp"

#include "engines.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"

#include "larder/internal/journal.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <regex>

using namespace larder;
using namespace larder::test;

namespace {

/// Keeps events as lines `level name {fields}`.
class recording_sink : public log_sink {
public:
  void write(const log_event& event) noexcept override {
    std::vector<value::entry> fields;
    for (auto& x : event.fields)
      fields.emplace_back(value::keyword(x.name), x.content);
    std::lock_guard guard{mutex_};
    lines_.push_back(std::string{to_string(event.level)} + " "
                     + std::string{event.name} + " "
                     + to_edn(value::map(std::move(fields))));
  }

  /// The events of a name.
  std::vector<std::string> of(const std::string& name) {
    std::lock_guard guard{mutex_};
    std::vector<std::string> result;
    for (auto& x : lines_)
      if (x.find(" " + name + " ") != std::string::npos)
        result.push_back(x);
    return result;
  }

private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

struct logged_world {
  caf::actor spawn(std::shared_ptr<backend> engine,
                   const std::function<void(store_config&)>& tweak = {}) {
    store_config config;
    config.engine = std::move(engine);
    config.chain = *make_chain_config(std::make_shared<const codec_registry>(),
                                      "cbor", "none", "none", nullptr);
    config.log = log;
    if (tweak)
      tweak(config);
    return world.spawn(std::move(config));
  }

  std::shared_ptr<recording_sink> log = std::make_shared<recording_sink>();
  threaded_world world;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& file) {
  std::ifstream in{file};
  std::vector<std::string> result;
  for (std::string line; std::getline(in, line);)
    result.push_back(line);
  return result;
}

/// Writes one event of each level to a file.
std::vector<std::string> logged(log_options options) {
  temp_dir dir;
  options.file = dir / "log";
  {
    auto sink = open_log(options);
    REQUIRE(sink);
    for (auto level : {log_level::debug, log_level::info, log_level::warning,
                       log_level::error}) {
      log_field fields[] = {{"text", "two\nlines \"q\""}, {"n", 5}};
      (*sink)->write({level, "event", fields});
    }
  }
  return lines_of(options.file);
}

} // namespace

// -- sinks --------------------------------------------------------------------

TEST_CASE("a text log has a line per event with time, level and fields") {
  auto lines = logged({log_format::text, log_level::debug, {}});
  REQUIRE(lines.size() == 4);
  std::regex form{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\w+) )"
                  R"(event text="two\\nlines \\"q\\"" n=5)"};
  for (size_t i = 0; i < 4; ++i) {
    std::smatch found;
    INFO(lines[i]);
    REQUIRE(std::regex_match(lines[i], found, form));
    CHECK(found[1].str() == to_string(static_cast<log_level>(i)));
  }
}

TEST_CASE("a JSON log has an object per event") {
  auto lines = logged({log_format::json, log_level::debug, {}});
  REQUIRE(lines.size() == 4);
  for (auto& line : lines) {
    INFO(line);
    auto x = parse_json(line);
    REQUIRE(x);
    CHECK(*x->find("event") == value{"event"});
    CHECK(*x->find("text") == value{"two\nlines \"q\""});
    CHECK(*x->find("n") == value{5});
    CHECK(x->find("time") != nullptr);
    CHECK(parse_log_level(x->find("level")->as_string()));
  }
}

TEST_CASE("events below the level of a log are dropped") {
  CHECK(logged({log_format::text, log_level::warning, {}}).size() == 2);
  CHECK(logged({log_format::json, log_level::error, {}}).size() == 1);
}

TEST_CASE("a log that cannot be opened is an error, as is an unknown level") {
  log_options options;
  options.file = "/proc/no/such/file";
  auto sink = open_log(options);
  REQUIRE(!sink);
  CHECK(sink.error() == errc::io_error);
  CHECK(parse_log_level("warning") == log_level::warning);
  CHECK(parse_log_level("loud").error() == errc::invalid_argument);
}

// -- keys ---------------------------------------------------------------------

TEST_CASE("a key is logged as a hash that is its own as long as the log is") {
  internal::journal one{nullptr, false};
  internal::journal other{nullptr, false};
  auto text = to_edn(one.key("secret").content);
  CHECK(std::regex_match(text, std::regex{R"("#[0-9a-f]{12}")"}));
  CHECK(one.key("secret").content == one.key("secret").content);
  CHECK(one.key("secret").content != one.key("other").content);
  CHECK(one.key("secret").content != other.key("secret").content);
  internal::journal open{nullptr, true};
  CHECK(open.key("secret").content == value{"\"secret\""});
}

TEST_CASE("of an error without keys only code and reason are logged") {
  error err{errc::io_error, "cannot write secret: No space left on device",
            true};
  auto text = [&err](bool show_keys) {
    std::string result;
    internal::journal log{nullptr, show_keys};
    for (auto& x : log.with_error({}, err))
      result += std::string{x.name} + "=" + to_edn(x.content) + " ";
    return result;
  };
  CHECK(
    text(false)
    == R"(error="io_error" data-loss=true reason="No space left on device" )");
  CHECK(contains(text(true), "cannot write secret"));
  err = error{errc::corruption, "secret: the checksum is wrong"};
  CHECK(text(false) == R"(error="corruption" )");
}

// -- stores -------------------------------------------------------------------

TEST_CASE("a store logs that it is opened and closed") {
  logged_world world;
  world.spawn(make_memory());
  auto opened = world.log->of("opened");
  world.world.close();
  REQUIRE(world.log->of("closed").size() == 1);
  opened = world.log->of("opened");
  REQUIRE(opened.size() == 1);
  CHECK(contains(opened[0], R"(:store "memory:")"));
  CHECK(contains(opened[0], R"(:serializer "cbor")"));
  CHECK(contains(opened[0], ":keys 0"));
}

TEST_CASE("a store without a log is silent") {
  logged_world world;
  blocking_client client{world.world.system(),
                         world.spawn(make_memory(), [](store_config& config) {
                           config.log = nullptr;
                           config.slow_operation = std::chrono::microseconds{1};
                         })};
  REQUIRE(client.put("k", 1));
  CHECK(!client.get("none"));
  CHECK(world.log->of("opened").empty());
}

TEST_CASE("a commit that fails is logged without the key") {
  logged_world world;
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  blocking_client client{world.world.system(), world.spawn(engine)};
  engine->inject([](backend_call call, std::string_view) {
    return call == backend_call::commit ? std::optional{error{
             errc::io_error, "secret: No space left on device"}}
                                        : std::nullopt;
  });
  CHECK(!client.put("secret", 1));
  auto failed = world.log->of("commit-failed");
  REQUIRE(failed.size() == 1);
  CHECK(contains(failed[0], R"(:error "io_error")"));
  CHECK(contains(failed[0], R"(:reason "No space left on device")"));
  CHECK(contains(failed[0], ":failed 1"));
  CHECK(!contains(failed[0], "secret"));
}

TEST_CASE("a damaged key is logged, by its name only if that is asked for") {
  auto shown = GENERATE(false, true);
  logged_world world;
  auto engine = make_memory();
  auto store = world.spawn(engine, [shown](auto& x) { x.log_keys = shown; });
  blocking_client client{world.world.system(), store};
  REQUIRE(client.put("secret", 1));
  auto key = *encode_key("secret");
  auto blob = read_blob(*engine, key);
  blob.back() ^= std::byte{1};
  write_blob(*engine, key, std::move(blob));
  CHECK(!client.call(verify_request{"secret"}));
  auto damaged = world.log->of("damaged");
  REQUIRE(damaged.size() == 1);
  CHECK(contains(damaged[0], R"(:error "corruption")"));
  CHECK(contains(damaged[0], "secret") == shown);
}

TEST_CASE("slow operations are logged with kind, key and duration") {
  logged_world world;
  auto slow = std::make_shared<disguised_backend>(
    make_memory(), [](auto& x) { x.nonblocking = false; });
  SECTION("any is slow enough") {
    blocking_client client{world.world.system(), world.spawn(slow, [](auto& x) {
                             x.slow_operation = std::chrono::microseconds{1};
                           })};
    REQUIRE(client.put("secret", 1));
    auto found = world.log->of("slow");
    REQUIRE(found.size() == 1);
    CHECK(contains(found[0], R"(:operation "put")"));
    CHECK(contains(found[0], ":milliseconds "));
    CHECK(!contains(found[0], "secret"));
    CHECK(statistic(client, "requests", "slow") == 1);
    // One line each, whatever is done, and how.
    auto last = [&](size_t n) {
      auto all = world.log->of("slow");
      REQUIRE(all.size() == n);
      return all.back();
    };
    multi_put_request puts;
    for (auto i = 0; i < 100; ++i)
      puts.entries.push_back({i, i, {}});
    REQUIRE(client.call(puts));
    CHECK(contains(last(2), R"(:operation "multi-put")"));
    CHECK(contains(last(2), ":keys 100"));
    append_request entries;
    entries.key = "log";
    entries.entries.assign(1000, std::string(100, 'x'));
    REQUIRE(client.call(entries));
    CHECK(contains(last(3), R"(:operation "append")"));
    read_log_request page;
    page.key = "log";
    REQUIRE(client.call(page));
    CHECK(contains(last(4), R"(:operation "read-log")"));
    CHECK(contains(last(4), ":key "));
    REQUIRE(client.call(verify_request{"log"}));
    CHECK(contains(last(5), R"(:operation "verify")"));
    REQUIRE(client.keys({}));
    CHECK(contains(last(6), R"(:operation "list")"));
    CHECK(statistic(client, "requests", "slow") == 6);
  }
  SECTION("none is") {
    blocking_client client{world.world.system(), world.spawn(slow, [](auto& x) {
                             x.slow_operation = std::chrono::hours{24};
                           })};
    REQUIRE(client.put("secret", 1));
    CHECK(world.log->of("slow").empty());
  }
}

TEST_CASE("that a store is overloaded is logged once a second") {
  logged_world world;
  std::atomic<int64_t> now = 1'700'000'000'000;
  auto store = world.spawn(make_memory(), [&now](auto& x) {
    x.max_pending_operations = 0;
    x.key_actors = 1;
    x.clock = [&now] { return now.load(); };
  });
  blocking_client client{world.world.system(), store};
  for (int i = 0; i < 10; ++i)
    CHECK(!client.call(read_range_request{"k", 0, {}, {}}));
  REQUIRE(world.log->of("overloaded").size() == 1);
  CHECK(contains(world.log->of("overloaded")[0], ":refused 1}"));
  now += 1000;
  CHECK(!client.call(read_range_request{"k", 0, {}, {}}));
  REQUIRE(world.log->of("overloaded").size() == 2);
  CHECK(contains(world.log->of("overloaded")[1], ":refused 10}"));
}
