// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Lets one system call after the other fail while a fixed script runs, and
/// judges what the engine makes of it.
///
///     larder-fault-sweep --engine file [--options sync=on] [--full yes]
///       [--plan 17:EIO:once] [--expect sync]
///     larder-fault-sweep --engines list
///
/// Counts the calls of the script first. Then each of them fails: with `--full`
/// in every way in which such a call can, once and for ever; otherwise in one
/// way, taken in turn, and of long rows of equal calls only some. Exits with 0
/// if every promise was kept; with `--expect`, if that kind of violation was
/// found. The plans run in child processes, so that a crash is one more
/// violation.

#include "trials/arguments.hpp"
#include "trials/faults/script.hpp"
#include "trials/store_access.hpp"

#include "larder/uuid.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace trials {

namespace {

constexpr size_t plans_per_child = 25;

/// How long one plan may take.
constexpr int patience_ms = 120'000;

constexpr fault_kind all_faults[] = {fault_kind::io_error, fault_kind::no_space,
                                     fault_kind::interrupted,
                                     fault_kind::short_write};

// -- the child ----------------------------------------------------------------

/// Lines of text to the parent.
void say(const std::string& line) {
  auto text = line + "\n";
  if (::write(child_pipe, text.data(), text.size())
      != static_cast<ssize_t>(text.size()))
    ::_exit(3);
}

/// Two engines sync again for good reasons.
bool is_right(const std::string& engine, const violation& x) {
  if (x.kind != "sync")
    return false;
  // The pages whose sync has failed are of a transaction that never counts;
  // whatever a later one needs it writes anew.
  if (engine == "lmdb")
    return x.what.starts_with("/store/larder.mdb ");
  // SQLite takes no notice of a failed sync of a directory (unixSync), as not
  // all systems have such a call.
  return engine == "sqlite" && !x.what.starts_with("/store");
}

violations run_script(const std::string& engine, const std::string& options,
                      std::optional<fault_plan> plan) {
  auto dir = fs::temp_directory_path().string() + "/larder-fault-"
             + to_string(larder::uuid::random());
  fs::create_directories(dir);
  auto uri = engine + ":" + dir + "/store" + options;
  auto result = fault_script{uri, dir, plan}.run();
  fs::remove_all(dir);
  std::erase_if(result, [&](auto& x) { return is_right(engine, x); });
  return result;
}

/// Runs some plans, or without any tells how many calls of which kind there
/// are.
int run_child(arguments& args) {
  auto engine = args.take("engine");
  auto options = args.take("options");
  auto plans = args.take("plans");
  args.check_all_taken();
  auto run = [&](std::optional<fault_plan> plan) {
    for (auto& x : run_script(engine, options, plan))
      say("violation " + x.kind + ": " + x.what);
  };
  std::istringstream in{plans};
  if (plans == "none") {
    run(std::nullopt);
    for (auto x : injector::instance().calls())
      say("call " + std::to_string(static_cast<int>(x)));
    in = {};
  }
  for (std::string text; in >> text;) {
    say("plan " + text);
    run(parse_plan(text));
  }
  say("end");
  return 0;
}

// -- the parent ---------------------------------------------------------------

/// Reads the lines of a child.
class line_reader {
public:
  explicit line_reader(int fd) : fd_(fd) {
    // nop
  }

  /// Returns the next line; nothing at the end or if none comes.
  std::optional<std::string> next() {
    for (;;) {
      if (auto end = text_.find('\n'); end != std::string::npos) {
        auto result = text_.substr(0, end);
        text_.erase(0, end + 1);
        return result;
      }
      struct pollfd what {
        fd_, POLLIN, 0
      };
      std::array<char, 4096> part{};
      if (::poll(&what, 1, patience_ms) <= 0)
        return std::nullopt;
      auto n = ::read(fd_, part.data(), part.size());
      if (n <= 0) {
        ended_ = true;
        return std::nullopt;
      }
      text_.append(part.data(), static_cast<size_t>(n));
    }
  }

  bool ended() const {
    return ended_;
  }

private:
  int fd_;
  std::string text_;
  bool ended_ = false;
};

class sweep {
public:
  /// @param expected a kind of violation that is enough
  sweep(std::string engine, std::string options, std::string expected)
    : engine_(std::move(engine)),
      options_(std::move(options)),
      expected_(std::move(expected)) {
    // nop
  }

  /// Runs the script without faults.
  /// @returns the kinds of its calls
  std::vector<call_kind> count() {
    std::vector<call_kind> result;
    run_child("none", [&](const std::string& line) {
      if (line.starts_with("call "))
        result.push_back(static_cast<call_kind>(std::stoi(line.substr(5))));
    });
    return result;
  }

  /// Runs all plans.
  void run(std::vector<fault_plan> plans) {
    std::span<const fault_plan> rest{plans};
    while (!rest.empty() && !has_found_expected()) {
      std::string text;
      for (auto& x : rest.first(std::min(rest.size(), plans_per_child)))
        text += to_string(x) + " ";
      size_t begun = 0;
      run_child(text, [&](const std::string& line) {
        begun += line.starts_with("plan ");
      });
      // The last one of those that have begun may have been the end of all.
      rest = rest.subspan(std::max<size_t>(begun, 1));
    }
  }

  bool has_found_expected() const {
    return std::any_of(found_.begin(), found_.end(),
                       [this](auto& x) { return x.kind == expected_; });
  }

  /// Found so far, with the plan in front.
  const violations& found() const {
    return found_;
  }

private:
  template <class F>
  void run_child(const std::string& plans, F f) {
    process child{
      {"--engine", engine_, "--options", options_, "--plans", plans}};
    line_reader lines{child.pipe()};
    std::string plan = "no fault";
    while (auto line = lines.next()) {
      if (*line == "end")
        return;
      if (line->starts_with("plan "))
        plan = line->substr(5);
      if (line->starts_with("violation "))
        add(plan, line->substr(10));
      f(*line);
    }
    auto hangs = !lines.ended();
    if (hangs)
      child.kill();
    child.wait();
    add(plan, hangs ? "stalled: no end" : "crash: " + child.ending());
  }

  void add(const std::string& plan, const std::string& what) {
    found_.push_back({what.substr(0, what.find(':')), plan + ": " + what});
    std::printf("VIOLATION %s\n", found_.back().what.c_str());
  }

  std::string engine_;
  std::string options_;
  std::string expected_;
  violations found_;
};

// -- plans --------------------------------------------------------------------

/// All ways in which such a call can fail. For ever interrupted is no failure
/// but another world.
std::vector<fault_plan> ways_to_fail(call_kind call) {
  std::vector<fault_plan> result;
  for (auto what : all_faults)
    for (auto for_ever : {false, true})
      if (applies(what, call) && !(what == fault_kind::interrupted && for_ever))
        result.push_back({0, what, for_ever});
  return result;
}

/// Of a long row of equal calls (the pages of a large blob) only some fail
/// unless all are to.
constexpr size_t long_row = 16;

std::vector<fault_plan> make_plans(const std::vector<call_kind>& calls,
                                   bool full) {
  std::vector<fault_plan> result;
  std::map<call_kind, size_t> turn;
  size_t row = 0;
  for (uint64_t i = 0; i < calls.size(); ++i) {
    row = i > 0 && calls[i] == calls[i - 1] ? row + 1 : 0;
    if (!full && row >= long_row && row % long_row != 0)
      continue;
    auto ways = ways_to_fail(calls[i]);
    if (!full)
      ways = {ways[turn[calls[i]]++ % ways.size()]};
    for (auto& x : ways) {
      x.at = i;
      result.push_back(x);
    }
  }
  return result;
}

int run_sweep(arguments& args) {
  auto engine = args.take("engine", "file");
  auto options = args.take("options");
  auto full = args.take("full", "no") == "yes";
  auto expected = args.take("expect");
  auto only = args.take("plan");
  args.check_all_taken();
  sweep all{engine, options.empty() ? "" : "?" + options, expected};
  auto calls = all.count();
  auto plans = make_plans(calls, full);
  if (!only.empty()) {
    auto plan = parse_plan(only);
    if (!plan)
      give_up("a plan is like 17:EIO:once");
    plans = {*plan};
  }
  all.run(plans);
  std::printf("%s: %zu system calls, %zu faults, %zu violations\n",
              engine.c_str(), calls.size(), plans.size(), all.found().size());
  if (expected.empty())
    return all.found().empty() && !calls.empty() ? 0 : 1;
  return all.has_found_expected() ? 0 : 1;
}

} // namespace

} // namespace trials

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  trials::arguments args{argc, argv};
  if (args.has("plans"))
    return trials::run_child(args);
  if (args.has("engines"))
    return trials::print_durable_engines();
  return trials::run_sweep(args);
}
