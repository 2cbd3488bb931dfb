// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/ledger.hpp"

#include <algorithm>

namespace trials {

void ledger::sent(uint64_t number, std::vector<step> steps) {
  for (auto& x : steps)
    origin_[{x.key, x.to}] = x.from;
  operations_[number].steps = std::move(steps);
}

void ledger::acknowledged(uint64_t number) {
  set(number, answer::acknowledged);
}

void ledger::refused(uint64_t number) {
  set(number, answer::refused);
}

void ledger::set(uint64_t number, answer outcome) {
  if (auto i = operations_.find(number); i != operations_.end())
    i->second.outcome = outcome;
}

size_t ledger::unanswered() const {
  return static_cast<size_t>(
    std::count_if(operations_.begin(), operations_.end(),
                  [](auto& x) { return x.second.outcome == answer::none; }));
}

size_t ledger::completed(const contents& found) const {
  violations ignored;
  auto chains = follow(found, ignored);
  return static_cast<size_t>(
    std::count_if(operations_.begin(), operations_.end(), [&](auto& x) {
      auto& first = x.second.steps.front();
      return x.second.outcome == answer::none
             && chains[first.key].contains(first.to);
    }));
}

ledger::chains ledger::follow(const contents& found, violations& out) const {
  chains result;
  for (auto& [key, base] : base_) {
    auto i = found.find(key);
    auto at = i == found.end() ? 0 : i->second;
    while (at != base) {
      auto origin = origin_.find({key, at});
      if (origin == origin_.end()) {
        out.push_back(
          {"ghost", key + ": version " + std::to_string(at)
                      + " follows from nothing that was sent on top of version "
                      + std::to_string(base)});
        break;
      }
      result[key].insert(at);
      at = origin->second;
    }
  }
  return result;
}

violations ledger::check(const contents& found) const {
  violations result;
  auto chains = follow(found, result);
  for (auto& [number, op] : operations_) {
    auto happened = [&](auto& x) { return chains[x.key].contains(x.to); };
    auto count = static_cast<size_t>(
      std::count_if(op.steps.begin(), op.steps.end(), happened));
    auto name = "operation " + std::to_string(number) + " on "
                + op.steps.front().key;
    if (count != 0 && count != op.steps.size())
      result.push_back({"group", name + " was carried out in part"});
    else if (count == 0 && op.outcome == answer::acknowledged)
      result.push_back({"lost", name + " was acknowledged"});
    else if (count != 0 && op.outcome == answer::refused)
      result.push_back({"ghost", name + " was refused"});
  }
  return result;
}

void ledger::settle(contents found) {
  base_ = std::move(found);
  operations_.clear();
  origin_.clear();
}

} // namespace trials
