// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/load.hpp"

#include "trials/load_reader.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace trials {

using namespace larder;

namespace {

/// Commits one at a time if the engine wants it so.
class committer {
public:
  explicit committer(backend& store)
    : store_(store), concurrent_(store.caps().concurrent_commits) {
    // nop
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) {
    std::unique_lock guard{mutex_, std::defer_lock};
    if (!concurrent_)
      guard.lock();
    return store_.commit(batch);
  }

private:
  backend& store_;
  bool concurrent_;
  std::mutex mutex_;
};

/// One thread that writes.
class writer {
public:
  writer(backend& store, committer& out, notebook& notes,
         const load_options& options, unsigned thread)
    : store_(store),
      caps_(store.caps()),
      out_(out),
      notes_(notes),
      options_(options),
      thread_(thread),
      random_(options.seed * 31 + options.writer * num_threads + thread) {
    // nop
  }

  /// Finds out what there is.
  void look() {
    for (unsigned i = 0; i < keys_per_thread; ++i) {
      auto key = own_key(options_.writer, thread_, i);
      auto found = read_amount(store_, key_name(key));
      if (!found)
        notes_.complain("refused", to_string(found.error()));
      else
        known_[i] = found->number;
    }
  }

  [[noreturn]] void run() {
    for (;;) {
      auto what = pick(100);
      if (what < 35)
        write_several();
      else if (what < 55 && caps_.atomic_groups)
        write_group();
      else if (what < 75 && caps_.atomic_groups)
        transfer();
      else if (what < 85 && caps_.staging)
        write_staged();
      else if (what < 92)
        be_refused();
      else
        read_own();
    }
  }

private:
  /// One or more mutations that succeed or fail together.
  struct operation {
    note announced;
    std::vector<mutation> mutations;
    /// Positions of its keys in `known_`, or none for accounts.
    std::vector<unsigned> slots;
  };

  unsigned pick(unsigned n) {
    return static_cast<unsigned>(random_() % n);
  }

  bool chance(unsigned percent) {
    return pick(100) < percent;
  }

  version next_version() {
    return (options_.round << 32)
           | (uint64_t{options_.writer * num_threads + thread_} << 24)
           | ++count_;
  }

  operation make_operation() {
    operation result;
    result.announced.kind = note_kind::sent;
    result.announced.operation = next_version();
    return result;
  }

  void add(operation& x, key_index key, version from, version to) {
    x.announced.changes.at(x.announced.num_changes++) = {key, from, to};
  }

  /// Mostly small, some larger than any page or chunk.
  size_t pick_size() {
    auto what = pick(100);
    if (what < 80)
      return 8 + pick(2000);
    if (what < 97)
      return 8 + pick(120'000);
    return 8 + pick(2'500'000);
  }

  /// A position in `known_` that is not in use yet.
  unsigned pick_slot(std::vector<unsigned>& used) {
    for (;;) {
      auto i = pick(keys_per_thread);
      if (std::find(used.begin(), used.end(), i) == used.end()) {
        used.push_back(i);
        return i;
      }
    }
  }

  precondition condition_of(version x) {
    return x == 0 ? precondition::absent()
                  : precondition::matches(revision_of(x));
  }

  /// Adds a put or an erase of an own key.
  void add_change(operation& x, unsigned slot, uint64_t group) {
    auto key = own_key(options_.writer, thread_, slot);
    mutation what;
    what.key = key_name(key);
    what.group = group;
    if (chance(50))
      what.condition = condition_of(known_[slot]);
    version to = 0;
    if (chance(75)) {
      to = next_version();
      what.content = make_shared_blob(what.key, to, pick_size(), to);
    }
    add(x, key, known_[slot], to);
    x.mutations.push_back(std::move(what));
    x.slots.push_back(slot);
  }

  void write_several() {
    std::vector<unsigned> used;
    std::vector<operation> batch(1 + pick(6));
    for (auto& x : batch) {
      x = make_operation();
      add_change(x, pick_slot(used), 0);
    }
    commit(batch);
  }

  void write_group() {
    std::vector<unsigned> used;
    std::vector<operation> batch{make_operation()};
    auto size = 2 + pick(note::max_changes - 1);
    for (unsigned i = 0; i < size; ++i)
      add_change(batch[0], pick_slot(used), 1);
    if (chance(30)) { // in company
      batch.push_back(make_operation());
      add_change(batch.back(), pick_slot(used), 0);
    }
    commit(batch);
  }

  /// Moves a bit from one account to others, if nobody is quicker.
  void transfer() {
    std::vector<key_index> keys(num_accounts);
    for (unsigned i = 0; i < num_accounts; ++i)
      keys[i] = first_account + i;
    std::shuffle(keys.begin(), keys.end(), random_);
    keys.resize(2 + pick(2));
    std::vector<operation> batch{make_operation()};
    auto gain = keys.size() - 1;
    for (size_t i = 0; i < keys.size(); ++i) {
      auto name = key_name(keys[i]);
      auto found = read_amount(store_, name);
      if (!found)
        return notes_.complain("refused", to_string(found.error()));
      if (i == 0 && found->amount < gain)
        return;
      auto amount = i == 0 ? found->amount - gain : found->amount + 1;
      auto to = next_version();
      add(batch[0], keys[i], found->number, to);
      batch[0].mutations.push_back(
        {name, make_shared_blob(name, to, 8 + pick(500), amount),
         condition_of(found->number), 1});
    }
    commit(batch);
  }

  void write_staged() {
    std::vector<unsigned> used;
    auto slot = pick_slot(used);
    auto key = own_key(options_.writer, thread_, slot);
    auto name = key_name(key);
    auto to = next_version();
    auto blob = make_blob(name, to, 100'000 + pick(1'500'000), to);
    auto prefix_size = header::size_v2 + metadata_size_of(to);
    auto staged = stage(name, blob, prefix_size);
    if (!staged) {
      if (!staged.error().retryable())
        notes_.complain("refused", to_string(staged.error()));
      return;
    }
    if (chance(10))
      return; // changed its mind
    std::vector<operation> batch{make_operation()};
    mutation what;
    what.key = name;
    what.content = std::move(*staged);
    if (chance(50))
      what.condition = condition_of(known_[slot]);
    add(batch[0], key, known_[slot], to);
    batch[0].mutations.push_back(std::move(what));
    batch[0].slots.push_back(slot);
    commit(batch);
  }

  expected<std::shared_ptr<staged_blob>>
  stage(const std::string& key, bytes_view blob, size_t prefix_size) {
    auto staged = store_.stage(key, prefix_size);
    if (!staged)
      return fail(staged.error());
    for (auto rest = blob.subspan(prefix_size); !rest.empty();) {
      auto n = std::min<size_t>(rest.size(), 64 * 1024);
      if (auto ok = (*staged)->append(rest.first(n)); !ok)
        return fail(ok.error());
      rest = rest.subspan(n);
    }
    if (auto ok = (*staged)->set_prefix(blob.first(prefix_size)); !ok)
      return fail(ok.error());
    return std::shared_ptr<staged_blob>{std::move(*staged)};
  }

  /// Writes on a condition that does not hold.
  void be_refused() {
    std::vector<unsigned> used;
    auto slot = pick_slot(used);
    auto name = key_name(own_key(options_.writer, thread_, slot));
    mutation what;
    what.key = name;
    what.content = make_shared_blob(name, next_version(), 100);
    what.condition = known_[slot] == 0 || chance(50)
                       ? precondition::matches(revision_of(next_version()))
                       : precondition::absent();
    auto outcome = std::move(out_.commit({&what, 1})[0]);
    if (outcome)
      notes_.complain("ghost", "a condition that does not hold was ignored");
    else if (outcome.error() != errc::precondition_failed
             && !outcome.error().retryable())
      notes_.complain("refused", to_string(outcome.error()));
  }

  void read_own() {
    auto slot = pick(keys_per_thread);
    auto name = key_name(own_key(options_.writer, thread_, slot));
    auto found = read_amount(store_, name);
    if (!found)
      notes_.complain(found.error() == errc::corruption ? "torn" : "refused",
                      to_string(found.error()));
    else if (found->number != known_[slot])
      notes_.complain("lost", "read version " + std::to_string(found->number)
                                + " after version "
                                + std::to_string(known_[slot]));
  }

  /// Sends the operations as one batch, with notes around it.
  void commit(std::vector<operation>& batch) {
    std::vector<note> announced;
    std::vector<mutation> mutations;
    for (auto& x : batch) {
      announced.push_back(x.announced);
      std::move(x.mutations.begin(), x.mutations.end(),
                std::back_inserter(mutations));
    }
    notes_.write(announced);
    auto outcomes = out_.commit(mutations);
    if (outcomes.size() != mutations.size())
      return notes_.complain("refused", "wrong number of outcomes");
    std::vector<note> answers;
    std::span<commit_outcome> rest{outcomes};
    for (auto& x : batch) {
      auto size = x.announced.num_changes;
      answers.push_back({});
      answers.back().operation = x.announced.operation;
      answers.back().kind = judge(x, rest.first(size));
      rest = rest.subspan(size);
    }
    notes_.write(answers);
  }

  /// Finds out what became of one operation.
  note_kind judge(const operation& x, std::span<commit_outcome> outcomes) {
    auto problem = std::find_if(outcomes.begin(), outcomes.end(), [](auto& y) {
      return !y && y.error() != errc::conflict;
    });
    if (problem == outcomes.end()) {
      if (std::any_of(outcomes.begin(), outcomes.end(),
                      [](auto& y) { return !y; }))
        notes_.complain("refused", "a conflict without a cause");
      for (size_t i = 0; i < x.slots.size(); ++i)
        known_[x.slots[i]] = x.announced.changes[i].to;
      return note_kind::acknowledged;
    }
    auto& err = problem->error();
    auto is_race = x.slots.empty() && err == errc::precondition_failed;
    if (!is_race && !err.retryable())
      notes_.complain("refused", to_string(err));
    return note_kind::refused;
  }

  backend& store_;
  capabilities caps_;
  committer& out_;
  notebook& notes_;
  load_options options_;
  unsigned thread_;
  std::mt19937_64 random_;
  uint64_t count_ = 0;
  std::array<version, keys_per_thread> known_{};
};

} // namespace

void run_load(backend& store, notebook& notes, const load_options& options) {
  committer out{store};
  std::vector<writer> writers;
  writers.reserve(num_threads);
  for (unsigned i = 0; i < num_threads; ++i)
    writers.emplace_back(store, out, notes, options, i).look();
  notes.write(note_kind::opened);
  std::vector<std::thread> threads;
  for (auto& x : writers)
    threads.emplace_back([&x] { x.run(); });
  read_for_ever(store, notes, options.seed);
}

} // namespace trials
