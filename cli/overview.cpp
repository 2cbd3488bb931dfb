// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "overview.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace larder::cli {

namespace {

/// Takes all occurrences of `what` out of `str`.
bool remove_all(std::string& str, std::string_view what) {
  auto found = false;
  for (auto i = str.find(what); i != str.npos; i = str.find(what)) {
    str.erase(i, what.size());
    found = true;
  }
  return found;
}

bool stands_for_itself(const std::string& word) {
  return !word.empty() && std::islower(static_cast<unsigned char>(word[0]));
}

/// Reads a name such as `[FILE…|-]`.
slot parse_slot(std::string name) {
  slot res;
  remove_all(name, "[");
  remove_all(name, "]");
  res.repeated = remove_all(name, "…");
  res.name = name;
  std::istringstream alternatives{name};
  for (std::string word; std::getline(alternatives, word, '|');) {
    if (word == "FILE")
      res.type = slot::kind::file;
    else if (word == "URI" && res.type == slot::kind::text)
      res.type = slot::kind::store;
    else if (stands_for_itself(word))
      res.choices.push_back(word);
  }
  if (!res.choices.empty())
    res.type = slot::kind::words;
  return res;
}

} // namespace

std::vector<command_option> overview::options() {
  return {
    {"--store", "URI",
     "Where the store is (default: $LARDER_STORE, or " LARDER_DEFAULT_STORE
     ")"},
    {"--json", "", "Read values as JSON, print JSON"},
    {"--edn", "", "Read all keys, steps and values as EDN"},
  };
}

std::string synopsis(const command& cmd) {
  auto res = cmd.operands;
  for (auto& opt : cmd.options) {
    auto text = opt.name;
    if (!opt.value_name.empty())
      text += " " + opt.value_name;
    if (!res.empty())
      res += ' ';
    res += opt.required ? text : "[" + text + "]";
  }
  return res;
}

// -- slots --------------------------------------------------------------------

slot slot_of(const command_option& x) {
  auto res = parse_slot(x.value_name.substr(0, x.value_name.find(' ')));
  if (!x.choices.empty()) {
    res.type = slot::kind::words;
    res.choices = x.choices;
  }
  return res;
}

std::vector<slot> operands_of(const command& cmd) {
  std::vector<slot> res;
  std::istringstream names{cmd.operands};
  for (std::string name; names >> name;)
    res.push_back(parse_slot(name));
  return res;
}

std::vector<std::string> groups_of(const std::vector<command>& all) {
  std::vector<std::string> res;
  for (auto& cmd : all) {
    auto space = cmd.name.find(' ');
    auto group = cmd.name.substr(0, space);
    if (space != std::string::npos
        && std::find(res.begin(), res.end(), group) == res.end())
      res.push_back(group);
  }
  return res;
}

std::string summary_of_group(const std::string& group) {
  return "Commands on " + group + "s";
}

} // namespace larder::cli
