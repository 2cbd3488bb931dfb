// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/commit.hpp"
#include "larder/groups.hpp"

#include <algorithm>
#include <cerrno>

namespace larder::detail {

// -- phases -------------------------------------------------------------------

/// Records the groups and carries them out. The names of their files must be
/// durable before the record is: what it tells of must be there.
void file_commit::publish_groups() {
  mark_recorded();
  if (state_.config.sync) {
    sync_directories(dirs_of(live_recorded()), false);
    fail_groups();
    mark_recorded();
  }
  auto steps = live_recorded();
  if (steps.empty())
    return;
  intent changes;
  for (auto* x : steps) {
    changes.push_back({x->name.dir, x->name.name, {}});
    if (x->puts())
      changes.back().staged = x->source().id();
  }
  auto result = state_.groups.record(changes);
  if (!result && !result.error().data_loss()) {
    for (auto* x : steps) {
      x->recorded = false;
      drop(*x, result.error());
    }
    return;
  }
  for (auto* x : steps)
    if (x->puts()) // from now on the files belong to the record
      x->source().release();
  if (result)
    result = apply_recorded(changes);
  if (result)
    return;
  state_.groups.release(); // whoever comes next will go on
  lose_recorded(result.error());
  for (auto* x : steps)
    x->recorded = false;
}

expected<void> file_commit::apply_recorded(const intent& changes) {
  auto steps = live_recorded();
  for (size_t i = 0; i < steps.size(); ++i) {
    auto& x = *steps[i];
    auto err = carry_out(*state_.ops, state_.config.dir, changes[i]);
    if (err != 0 && !(x.erases() && err == -ENOENT))
      return fail(io_failure("change", state_.path(x.name), err));
    if (x.erases())
      x.existed = err == 0;
    if (x.staged)
      x.staged->finish();
  }
  return state_.groups.applied();
}

/// Removes the record if all that it tells of is durable.
void file_commit::finish_groups() {
  auto lost = std::find_if(steps_.begin(), steps_.end(),
                           [](auto& x) { return x.recorded && x.problem; });
  if (lost != steps_.end()) {
    state_.groups.give_up();
    return lose_recorded(*lost->problem);
  }
  if (live_recorded().empty())
    return;
  if (auto ok = state_.groups.finish(); !ok)
    lose_recorded(ok.error());
}

// -- utilities ----------------------------------------------------------------

/// Finds the changes that need a record: a group of one change is atomic as it
/// is.
void file_commit::mark_recorded() {
  for_each_group(batch_, [this](std::span<const size_t> members) {
    auto is_change
      = [this](size_t i) { return !steps_[i].problem && !steps_[i].keeps(); };
    auto several = std::count_if(members.begin(), members.end(), is_change) > 1;
    for (auto i : members)
      steps_[i].recorded = several && is_change(i);
  });
}

std::vector<file_commit::step*> file_commit::live_recorded() {
  auto result = live();
  std::erase_if(result, [](step* x) { return !x->recorded; });
  return result;
}

/// Lets no mutation of a group go on when another has failed.
void file_commit::fail_groups() {
  spread_failures(
    batch_, [this](size_t i) { return steps_[i].problem.has_value(); },
    [this](size_t i, error problem) { drop(steps_[i], std::move(problem)); });
}

/// Ends the part of all that is recorded: it will be carried out later or, if
/// the record is not durable, perhaps not.
void file_commit::lose_recorded(const error& problem) {
  for (auto& x : steps_) {
    if (!x.recorded)
      continue;
    x.problem = error{errc::io_error, problem.message(), true};
    if (x.staged)
      x.staged->finish();
  }
}

} // namespace larder::detail
