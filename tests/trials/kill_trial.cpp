// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Kills writers at random moments and judges what they leave behind.
///
///     larder-kill-trial --engine file --rounds 10 [--seed N]
///       [--options sync=on] [--expect lost]
///     larder-kill-trial --engines list
///
/// Exits with 0 if every promise was kept; with `--expect`, if that kind of
/// violation was found. A store with a violation stays for inspection.

#include "trials/arguments.hpp"
#include "trials/load.hpp"
#include "trials/referee.hpp"
#include "trials/store_access.hpp"

#include "larder/uuid.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <random>

namespace fs = std::filesystem;

namespace trials {

namespace {

// -- a writer -----------------------------------------------------------------

int run_writer(arguments& args) {
  load_options options;
  options.writer = static_cast<unsigned>(args.take_number("writer", 0));
  options.round = args.take_number("round", 0);
  options.seed = args.take_number("seed", 0);
  auto uri = args.take("uri");
  args.check_all_taken();
  notebook notes{child_pipe};
  auto store = open_store(uri);
  if (!store) {
    notes.complain("refused", to_string(store.error()));
    return 1;
  }
  run_load(**store, notes, options);
}

// -- the trial ----------------------------------------------------------------

class trial {
public:
  trial(std::string uri, std::string dir, uint64_t seed, int patience_ms)
    : uri_(std::move(uri)),
      referee_(uri_, std::move(dir)),
      seed_(seed),
      random_(seed),
      patience_ms_(patience_ms) {
    // nop
  }

  violations create() {
    auto result = referee_.create();
    if (result.empty())
      if (auto store = open_store(uri_))
        several_ = (*store)->caps().domain >= larder::write_domain::machine;
    return result;
  }

  violations run_round() {
    ++round_;
    violations result;
    if (several_ && round_ % 3 == 0)
      kill_one_of_two(result);
    else if (round_ % 5 == 0)
      kill_at_the_start(result);
    else
      kill_one(result);
    auto found = referee_.examine(round_ % 5 == 0);
    std::move(found.begin(), found.end(), std::back_inserter(result));
    return result;
  }

  const tally& result() const {
    return referee_.result();
  }

private:
  struct writer {
    unsigned number;
    process child;
    note_reader notes;
  };

  int pick(int n) {
    return static_cast<int>(random_() % static_cast<uint64_t>(n));
  }

  writer start(unsigned number) {
    process child{{"--writer", std::to_string(number), "--uri", uri_, "--round",
                   std::to_string(round_), "--seed",
                   std::to_string(seed_ * 1'000'003 + round_)}};
    auto fd = child.pipe();
    return {number, std::move(child), note_reader{fd}};
  }

  /// Listens until that many operations were acknowledged.
  /// @returns false if the writer does not get there
  bool listen(writer& x, int operations, violations& out) {
    while (operations > 0) {
      auto heard = x.notes.next(patience_ms_);
      if (!heard)
        return false;
      operations -= referee_.hear(x.number, *heard, out);
    }
    return true;
  }

  /// Listens for a time.
  void listen_for(writer& x, std::chrono::microseconds time, violations& out) {
    auto end = std::chrono::steady_clock::now() + time;
    while (!x.notes.ended()) {
      auto rest = end - std::chrono::steady_clock::now();
      if (rest <= rest.zero())
        break;
      using std::chrono::milliseconds;
      auto ms = std::chrono::ceil<milliseconds>(rest).count();
      if (auto heard = x.notes.next(static_cast<int>(ms)))
        referee_.hear(x.number, *heard, out);
    }
  }

  void kill(writer& x, violations& out) {
    if (!x.child.kill())
      out.push_back({"crash", "writer " + std::to_string(x.number) + " "
                                + x.child.ending()});
    while (auto heard = x.notes.next(-1))
      referee_.hear(x.number, *heard, out);
  }

  void expect_progress(writer& x, int operations, violations& out) {
    if (!listen(x, operations, out) && !x.notes.ended())
      out.push_back(
        {"stalled", "writer " + std::to_string(x.number) + " got no answer"});
  }

  std::chrono::microseconds a_moment() {
    return std::chrono::microseconds{pick(20'000)};
  }

  /// Under load.
  void kill_one(violations& out) {
    auto x = start(0);
    expect_progress(x, 1 + pick(120), out);
    listen_for(x, a_moment(), out);
    kill(x, out);
  }

  /// While it opens the store or has hardly begun.
  void kill_at_the_start(violations& out) {
    auto x = start(0);
    listen_for(x, a_moment(), out);
    kill(x, out);
  }

  /// The other one must not wait for the dead.
  void kill_one_of_two(violations& out) {
    auto victim = start(0);
    auto survivor = start(1);
    expect_progress(survivor, 1 + pick(20), out);
    expect_progress(victim, 1 + pick(60), out);
    listen_for(victim, a_moment(), out);
    kill(victim, out);
    // What had been noted before may still be in the pipe.
    listen_for(survivor, std::chrono::microseconds{}, out);
    expect_progress(survivor, 200, out);
    listen_for(survivor, a_moment(), out);
    kill(survivor, out);
  }

  std::string uri_;
  referee referee_;
  uint64_t seed_;
  std::mt19937_64 random_;
  int patience_ms_;
  bool several_ = false;
  uint64_t round_ = 0;
};

// -- the program --------------------------------------------------------------

void print(const violations& xs) {
  for (auto& x : xs)
    std::printf("VIOLATION %s: %s\n", x.kind.c_str(), x.what.c_str());
}

/// Runs rounds until a violation is found; with `kind`, until one of that kind.
violations run_rounds(trial& x, uint64_t rounds, const std::string& kind) {
  auto all = x.create();
  auto is_over = [&] {
    return kind.empty() ? !all.empty()
                        : std::any_of(all.begin(), all.end(),
                                      [&](auto& y) { return y.kind == kind; });
  };
  for (uint64_t i = 0; i < rounds && !is_over(); ++i) {
    auto found = x.run_round();
    if (!found.empty())
      std::printf("round %lu:\n", static_cast<unsigned long>(i + 1));
    print(found);
    std::move(found.begin(), found.end(), std::back_inserter(all));
  }
  return all;
}

int run_trial(arguments& args) {
  auto engine = args.take("engine", "file");
  auto rounds = args.take_number("rounds", 10);
  auto seed = args.take_number("seed", std::random_device{}());
  auto options = args.take("options");
  auto expected = args.take("expect");
  auto patience = args.take_number("patience", 120'000);
  auto parent = args.take("dir", fs::temp_directory_path().string());
  args.check_all_taken();
  auto dir = parent + "/larder-kill-" + to_string(larder::uuid::random());
  fs::create_directories(dir);
  auto uri = engine + ":" + dir + "/store"
             + (options.empty() ? "" : "?" + options);
  std::printf("%s, seed %lu\n", uri.c_str(), static_cast<unsigned long>(seed));
  trial run{uri, dir, seed, static_cast<int>(patience)};
  auto found = run_rounds(run, rounds, expected);
  auto& x = run.result();
  std::printf("%s: %lu rounds, seed %lu: %lu operations acknowledged, %lu lost "
              "a race, %lu unanswered (%lu of them carried out), "
              "%zu violations\n",
              engine.c_str(), x.rounds, seed, x.acknowledged, x.refused,
              x.unanswered, x.completed, found.size());
  auto caught = std::any_of(found.begin(), found.end(),
                            [&](auto& y) { return y.kind == expected; });
  if (!expected.empty() || found.empty())
    fs::remove_all(dir);
  if (!expected.empty())
    return caught ? 0 : 1;
  if (x.unanswered == 0) {
    std::printf("no operation was cut off: nothing is proved\n");
    return 1;
  }
  return found.empty() ? 0 : 1;
}

} // namespace

} // namespace trials

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  trials::arguments args{argc, argv};
  if (args.has("writer"))
    return trials::run_writer(args);
  if (args.has("engines"))
    return trials::print_durable_engines();
  return trials::run_trial(args);
}
