// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"
#include "larder/detail/compliance_child.hpp"

#include <algorithm>
#include <set>

namespace larder::detail {

namespace {

/// Skips the check unless another process can open the store.
void need_processes(trial& t) {
  auto caps = t.store().caps();
  if (!caps.durable && caps.domain == write_domain::process)
    t.skip("the store is neither durable nor for other processes");
}

void expect_line(trial& t, child_process& child, std::string_view wanted,
                 const std::string& what) {
  auto line = child.read_line();
  t.require(line == wanted,
            what + ": " + (line ? printable(*line) : "no answer"));
}

// -- locks --------------------------------------------------------------------

void other_processes(trial& t) {
  need_processes(t);
  auto blob = sample_blob(1000, 1);
  t.must_put("a", blob);
  auto is_exclusive = t.store().caps().domain == write_domain::process;
  auto while_open = start_child(t, hold_script, 0);
  expect_line(t, *while_open, is_exclusive ? "locked" : "open",
              "opening a store that another process has open");
  t.expect_content("a", blob, "after another process tried to open it");
  while_open->kill();
  t.must_put("b", blob);
  t.close();
  auto holder = start_child(t, hold_script, 0);
  expect_line(t, *holder, "open", "another process opening a closed store");
  t.expect_error(t.subject().destroy(t.where()), errc::locked,
                 "destroying a store that another process has open");
  if (is_exclusive)
    t.expect_error(t.subject().open(t.where()), errc::locked,
                   "opening a store that another process has open");
  else
    t.reopen();
  holder->kill();
  t.reopen(); // at once: the dead hold nothing
  t.expect_contents({{"a", blob}, {"b", blob}},
                    "after another process had it open and was killed");
  t.must_put("c", blob);
  t.close();
  t.require_value(t.subject().destroy(t.where()),
                  "destroying after another process was killed");
}

// -- killed writers -----------------------------------------------------------

/// Expects that each key of the batch is as before or after it, a group all one
/// or the other, and makes `expected` what was found.
void settle(trial& t, const std::vector<mutation>& batch, contents& expected) {
  size_t done = 0;
  auto after = expected;
  for (auto& x : batch)
    carry_out(x, after);
  auto in = [](const contents& xs, const std::string& key) {
    auto i = xs.find(key);
    return i == xs.end() ? nullptr : i->second;
  };
  for (auto& x : batch) {
    auto found = t.get(x.key);
    auto is = [&](const blob_ptr& blob) {
      return blob ? found && same_bytes(found->data, *blob) : !found;
    };
    auto next = in(after, x.key);
    if (is(in(expected, x.key)) && !is(next))
      continue;
    t.require(is(next),
              printable(x.key)
                + " after a kill: neither what was nor what was being "
                  "written");
    ++done;
    carry_out(x, expected);
  }
  // What the batch does not change counts as done; a group of which a part was
  // certainly done must be done.
  t.expect(batch[0].group == 0 || done == 0 || done == batch.size(),
           "half of a group was done when its writer was killed");
}

/// Lets another process write, kills it in the middle, and expects all that it
/// said was acknowledged and at most one batch more.
void kill_a_writer(trial& t, uint64_t seed, contents& expected) {
  workload work{t.store().caps(), seed};
  t.close();
  auto writer = start_child(t, write_script, seed);
  auto wanted = 1 + (seed * 37) % 40;
  uint64_t acknowledged = 0;
  auto hear = [&](const std::string& line) {
    t.require(line == std::to_string(acknowledged),
              "another process could not write: " + line);
    for (auto& x : work.batch(acknowledged))
      carry_out(x, expected);
    ++acknowledged;
  };
  while (acknowledged < wanted) {
    auto line = writer->read_line();
    t.require(line.has_value(), "another process ended while it was writing");
    hear(*line);
  }
  writer->kill();
  while (auto line = writer->read_line()) // said before it was killed
    hear(*line);
  t.count("kills");
  t.count("acknowledged", acknowledged);
  t.reopen();
  settle(t, work.batch(acknowledged), expected);
  t.expect_contents(expected, "after its writer was killed");
}

void killed_writers(trial& t) {
  if (!t.store().caps().durable)
    t.skip("durable is not declared");
  contents expected{{"before", sample_blob(100)}};
  t.must_put_all(expected);
  auto kills = std::max<size_t>(4, t.options().rounds / 5);
  for (uint64_t seed = 1; seed <= kills; ++seed)
    kill_a_writer(t, seed, expected);
  t.reopen();
  t.expect_contents(expected, "after several writers were killed");
}

// -- several writers ----------------------------------------------------------

void need_machine(trial& t) {
  if (t.store().caps().domain == write_domain::process)
    t.skip("the domain is one process");
}

void exact_counter(trial& t) {
  constexpr size_t num_writers = 3;
  need_machine(t);
  t.must_put("a", counter_blob(0));
  auto times = t.options().rounds;
  std::vector<std::unique_ptr<child_process>> writers;
  for (size_t i = 0; i < num_writers; ++i)
    writers.push_back(start_child(t, count_script, times));
  for (auto& x : writers)
    expect_line(t, *x, "ready", "another process reading a counter");
  for (auto& x : writers)
    x->write_line("go");
  uint64_t conflicts = 0;
  for (auto& x : writers) {
    auto line = x->read_line().value_or("no answer");
    auto is_number = line.starts_with("conflicts ");
    t.require(is_number, "another process could not count: " + line);
    conflicts += std::stoull(line.substr(line.find(' ')));
  }
  t.count("conflicts", conflicts);
  t.expect(conflicts >= num_writers - 1,
           "processes that knew the same state had no conflicts");
  auto found = t.get("a");
  // What is no counter counts as none.
  auto number = found ? counter_of(found->data).value_or(0) : 0;
  t.expect(number == num_writers * times,
           std::to_string(num_writers * times)
             + " conditional increments were acknowledged, "
             + std::to_string(number) + " were done");
}

void whole_groups(trial& t) {
  need_machine(t);
  if (!t.store().caps().atomic_groups)
    t.skip("atomic_groups is not declared");
  for (auto& x : t.commit(numbered_group(0)))
    t.require_value(x, "committing a group");
  auto writer = start_child(t, groups_script, 0);
  expect_line(t, *writer, "open", "another process opening the store");
  std::set<uint64_t> seen;
  auto enough = t.options().rounds * 2;
  for (size_t i = 0; i < enough || seen.size() < 5; ++i) {
    seen.insert(read_numbered_group(t));
    if (seen.size() > 1)
      continue;
    t.require(i < 1'000'000, "the groups of another process are never seen");
  }
  writer->kill();
  read_numbered_group(t);
  t.count("groups seen", seen.size());
}

constexpr compliance_check checks[] = {
  {"other-processes-are-locked-out-or-fenced", other_processes},
  {"killed-writers-lose-nothing", killed_writers},
  {"counter-is-exact-across-processes", exact_counter},
  {"groups-are-seen-whole-across-processes", whole_groups},
};

} // namespace

std::span<const compliance_check> process_checks() {
  return checks;
}

} // namespace larder::detail
