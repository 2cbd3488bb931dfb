// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/keys.hpp"

#include <map>

namespace trials {

std::string key_name(key_index x) {
  if (is_account(x))
    return "\"account/" + std::to_string(x - first_account);
  auto result = "\"own/" + std::to_string(x);
  switch (x % keys_per_thread) {
    case 0: // longer than file names and LMDB's keys may be
      return result + std::string(700, 'l');
    case 1:
      return result + std::string{"\0\xFF/..%", 6};
    case 2:
      return "\x01" + result; // no string
    default:
      return result;
  }
}

std::optional<key_index> find_key(const std::string& name) {
  static const auto all = [] {
    std::map<std::string, key_index> result;
    for (key_index i = 0; i < num_keys; ++i)
      result[key_name(i)] = i;
    return result;
  }();
  auto i = all.find(name);
  if (i == all.end())
    return std::nullopt;
  return i->second;
}

} // namespace trials
