// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/oracle.hpp"

#include <algorithm>

namespace trials {

namespace {

version find(const contents& xs, const std::string& key) {
  auto i = xs.find(key);
  return i == xs.end() ? 0 : i->second;
}

std::string print(version x) {
  return x == 0 ? "nothing" : "version " + std::to_string(x);
}

std::string print(const std::set<version>& xs) {
  std::string result;
  for (auto x : xs)
    result += (result.empty() ? "" : " or ") + print(x);
  return result;
}

} // namespace

void oracle::sent(uint64_t operation, std::vector<change> changes) {
  pending_[operation] = std::move(changes);
}

void oracle::acknowledged(uint64_t operation) {
  auto done = pending_.extract(operation);
  if (done.empty())
    return;
  for (auto& x : done.mapped()) {
    if (x.to != 0)
      certain_[x.key] = x.to;
    else
      certain_.erase(x.key);
    // Whatever became of operations before this one, it came after them.
    for (auto& [number, changes] : pending_)
      if (number < operation)
        std::erase_if(changes, [&](auto& y) { return y.key == x.key; });
  }
}

void oracle::refused(uint64_t operation) {
  pending_.erase(operation);
}

version oracle::certain(const std::string& key) const {
  return find(certain_, key);
}

std::set<version> oracle::allowed(const std::string& key) const {
  std::set<version> result{certain(key)};
  for (auto& [number, changes] : pending_)
    for (auto& x : changes)
      if (x.key == key)
        result.insert(x.to);
  return result;
}

void oracle::check_key(const std::string& key, version found,
                       violations& out) const {
  auto expected = allowed(key);
  if (expected.contains(found))
    return;
  auto is_ghost = found != 0 && (certain(key) == 0 || found > certain(key));
  out.push_back(
    {is_ghost ? "ghost" : "lost", key.substr(0, 40) + " holds " + print(found)
                                    + ", but it must be " + print(expected)});
}

size_t oracle::completed(const contents& found) const {
  return static_cast<size_t>(
    std::count_if(pending_.begin(), pending_.end(), [&](auto& x) {
      return std::any_of(x.second.begin(), x.second.end(), [&](auto& y) {
        return y.to != certain(y.key) && find(found, y.key) == y.to;
      });
    }));
}

violations oracle::check(const contents& found) const {
  violations result;
  for (auto& [key, number] : found)
    check_key(key, number, result);
  for (auto& [key, number] : certain_)
    if (!found.contains(key))
      check_key(key, 0, result);
  for (auto& [number, changes] : pending_) {
    auto is_new = [&](auto& x) {
      return x.to != certain(x.key) && find(found, x.key) == x.to;
    };
    auto is_old = [&](auto& x) {
      return x.to != certain(x.key) && find(found, x.key) == certain(x.key);
    };
    if (std::any_of(changes.begin(), changes.end(), is_new)
        && std::any_of(changes.begin(), changes.end(), is_old))
      result.push_back({"group", "operation " + std::to_string(number)
                                   + " was carried out in part, beginning with "
                                   + changes.front().key.substr(0, 40)});
  }
  return result;
}

void oracle::settle(contents found) {
  certain_ = std::move(found);
  pending_.clear();
}

} // namespace trials
