// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/referee.hpp"

#include "trials/inspection.hpp"
#include "trials/load_reader.hpp"
#include "trials/store_access.hpp"

#include <algorithm>

namespace trials {

using namespace larder;

namespace {

bool changes_accounts(const note& x) {
  return x.num_changes > 0 && is_account(x.changes[0].key);
}

/// Tells own keys from accounts.
std::pair<contents, contents> split(const contents& xs) {
  std::pair<contents, contents> result;
  for (auto& x : xs) {
    auto key = find_key(x.first);
    (key && is_account(*key) ? result.second : result.first).insert(x);
  }
  return result;
}

violations refused(const error& err) {
  return {{"refused", to_string(err)}};
}

} // namespace

referee::referee(std::string uri, std::string dir)
  : uri_(std::move(uri)), dir_(std::move(dir)) {
  // nop
}

violations referee::create() {
  auto store = create_store(uri_);
  if (!store)
    return refused(store.error());
  contents found;
  std::vector<mutation> batch;
  for (key_index i = 0; i < num_accounts; ++i) {
    auto key = key_name(first_account + i);
    auto number = next_version();
    batch.push_back(
      {key, make_shared_blob(key, number, 100, initial_amount), {}, 0});
    found[key] = number;
  }
  for (auto& x : (*store)->commit(batch))
    if (!x)
      return refused(x.error());
  settle(found);
  return {};
}

bool referee::hear(unsigned writer, const note& x, violations& out) {
  if (x.kind == note_kind::complaint) {
    auto text = std::string{x.complaint()};
    out.push_back({text.substr(0, text.find(':')),
                   "writer " + std::to_string(writer) + ": " + text});
    return false;
  }
  if (x.kind == note_kind::sent && changes_accounts(x)) {
    std::vector<step> steps;
    for (auto& y : std::span{x.changes}.first(x.num_changes))
      steps.push_back({key_name(y.key), y.from, y.to});
    accounts_.sent(x.operation, std::move(steps));
  } else if (x.kind == note_kind::sent) {
    std::vector<change> changes;
    for (auto& y : std::span{x.changes}.first(x.num_changes))
      changes.push_back({key_name(y.key), y.to});
    own_.sent(x.operation, std::move(changes));
  } else if (x.kind == note_kind::acknowledged) {
    ++tally_.acknowledged;
    own_.acknowledged(x.operation);
    accounts_.acknowledged(x.operation);
  } else if (x.kind == note_kind::refused) {
    ++tally_.refused;
    own_.refused(x.operation);
    accounts_.refused(x.operation);
  }
  return x.kind == note_kind::acknowledged;
}

violations referee::examine(bool thoroughly) {
  violations result;
  ++tally_.rounds;
  tally_.unanswered += own_.unanswered() + accounts_.unanswered();
  auto store = open_store(uri_);
  if (!store)
    return refused(store.error());
  auto found = inspect(**store, result);
  judge(found, result);
  if (auto ok = check_sum(**store); !ok)
    result.push_back({"sum", to_string(ok.error())});
  if (thoroughly && result.empty()) {
    write_all(**store, found, result);
    for (auto& x : find_leftovers(dir_))
      result.push_back(std::move(x));
  }
  settle(found);
  return result;
}

void referee::judge(const contents& found, violations& out) {
  auto [own, accounts] = split(found);
  for (auto& x : own_.check(own))
    out.push_back(std::move(x));
  for (auto& x : accounts_.check(accounts))
    out.push_back(std::move(x));
  tally_.completed += own_.completed(own) + accounts_.completed(accounts);
}

void referee::settle(const contents& found) {
  auto [own, accounts] = split(found);
  own_.settle(std::move(own));
  accounts_.settle(std::move(accounts));
}

/// Erases what is there and puts what is not; accounts keep their amounts.
void referee::write_all(backend& store, contents& found, violations& out) {
  for (key_index i = 0; i < num_keys; ++i) {
    auto key = key_name(i);
    auto old = read_amount(store, key);
    if (!old)
      return out.push_back({"torn", to_string(old.error())});
    mutation x;
    x.key = key;
    auto number = next_version();
    auto puts = is_account(i) || old->number == 0;
    if (puts)
      x.content = make_shared_blob(key, number, 1000, old->amount);
    if (auto outcome = std::move(store.commit({&x, 1})[0]); !outcome)
      return out.push_back({"refused", to_string(outcome.error())});
    if (puts)
      found[key] = number;
    else
      found.erase(key);
  }
  if (inspect(store, out) != found)
    out.push_back({"lost", "what was written after the crash is not there"});
}

} // namespace trials
