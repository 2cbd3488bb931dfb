// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The options of a command line: pairs of `--name value`.

#pragma once

#include "trials/process.hpp"

#include <charconv>
#include <map>
#include <string>
#include <string_view>

namespace trials {

class arguments {
public:
  /// Ends the program if there is anything but pairs.
  arguments(int argc, char** argv) {
    for (int i = 1; i < argc; i += 2) {
      std::string_view name = argv[i];
      if (!name.starts_with("--") || i + 1 == argc)
        give_up("want pairs of --name value, got " + std::string{name});
      values_[std::string{name.substr(2)}] = argv[i + 1];
    }
  }

  bool has(const std::string& name) const {
    return values_.contains(name);
  }

  /// Removes an option.
  std::string take(const std::string& name, std::string fallback = {}) {
    auto value = values_.extract(name);
    return value.empty() ? std::move(fallback) : std::move(value.mapped());
  }

  uint64_t take_number(const std::string& name, uint64_t fallback) {
    auto text = take(name);
    if (text.empty())
      return fallback;
    uint64_t result = 0;
    auto [end, err]
      = std::from_chars(text.data(), text.data() + text.size(), result);
    if (err != std::errc{} || end != text.data() + text.size())
      give_up("--" + name + " wants a number");
    return result;
  }

  /// Ends the program if an option was not taken.
  void check_all_taken() const {
    if (!values_.empty())
      give_up("unknown option --" + values_.begin()->first);
  }

private:
  std::map<std::string, std::string> values_;
};

} // namespace trials
