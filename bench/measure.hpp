// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Measuring: ratios within one run. Each program prints one JSON object per
/// result and line, which scripts/bench collects.

#pragma once

#include "larder/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

// -- failing ------------------------------------------------------------------

/// Ends the program: a figure of something that went wrong is worth nothing.
[[noreturn]] inline void give_up(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::_Exit(EXIT_FAILURE);
}

template <class T>
T need(larder::expected<T> x) {
  if (!x)
    give_up(to_string(x.error()));
  if constexpr (!std::is_void_v<T>)
    return std::move(*x);
}

// -- time and memory ----------------------------------------------------------

class stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(clock::now() - start_).count();
  }

private:
  using clock = std::chrono::steady_clock;
  clock::time_point start_ = clock::now();
};

/// Reads an entry of /proc/self/status, in bytes: VmRSS is what is resident
/// now, VmHWM the most that ever was.
inline uint64_t memory(const std::string& name) {
  std::ifstream in{"/proc/self/status"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":"))
      return std::stoull(line.substr(name.size() + 1)) * 1024;
  give_up("no " + name + " in /proc/self/status");
}

// -- candidates in turn -------------------------------------------------------

/// Something to be measured: does its work and returns a figure.
using candidate = std::function<double()>;

/// The figures of each candidate, one per round.
using samples = std::vector<std::vector<double>>;

/// Runs all candidates in turn, `rounds` times after one round to warm up: what
/// else the machine does hits them alike.
inline samples alternate(size_t rounds,
                         const std::vector<candidate>& candidates) {
  samples result(candidates.size());
  for (size_t round = 0; round <= rounds; ++round)
    for (size_t i = 0; i < candidates.size(); ++i) {
      auto figure = candidates[i]();
      if (round > 0)
        result[i].push_back(figure);
    }
  return result;
}

inline double median(std::vector<double> xs) {
  auto middle = xs.begin() + static_cast<std::ptrdiff_t>(xs.size() / 2);
  std::nth_element(xs.begin(), middle, xs.end());
  return *middle;
}

/// The median of `xs[i] / ys[i]`: ratios of what was measured side by side.
inline double median_ratio(const std::vector<double>& xs,
                           const std::vector<double>& ys) {
  std::vector<double> ratios;
  for (size_t i = 0; i < xs.size(); ++i)
    ratios.push_back(xs[i] / ys[i]);
  return median(std::move(ratios));
}

// -- results ------------------------------------------------------------------

/// A result: what was measured, in which unit, and what it ought to be.
struct result {
  std::string name;
  double measured;
  std::string unit;  ///< "x" for ratios
  std::string bound; ///< "at least", "at most", or empty: for information
  double target = 0;
  /// The figures behind it.
  nlohmann::ordered_json figures = nlohmann::ordered_json::object();
};

inline void print(const result& x) {
  nlohmann::ordered_json line{
    {"name", x.name}, {"measured", x.measured}, {"unit", x.unit}};
  if (!x.bound.empty()) {
    line["bound"] = x.bound;
    line["target"] = x.target;
  }
  line["figures"] = x.figures;
  fmt::print("{}\n", line.dump());
  std::fflush(stdout);
}

// -- a place for files --------------------------------------------------------

/// A folder for the files of one program, on the disk that is to be measured:
/// in the first argument or, without one, where temporary files go.
class scratch {
public:
  scratch(int argc, char** argv) {
    auto parent = argc > 1 ? std::filesystem::path{argv[1]}
                           : std::filesystem::temp_directory_path();
    std::filesystem::create_directories(parent);
    auto name = (parent / "larder-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      give_up("cannot make " + name);
    dir_ = name;
  }

  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  scratch(const scratch&) = delete;

  scratch& operator=(const scratch&) = delete;

  std::string file(const std::string& name) const {
    return (dir_ / name).string();
  }

private:
  std::filesystem::path dir_;
};

} // namespace bench
