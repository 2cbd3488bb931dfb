// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_part.hpp"
#include "larder/detail/file/commit.hpp"
#include "larder/detail/file/read.hpp"
#include "larder/detail/outcomes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace larder::detail {

namespace {

/// How many files are open at once between writing and syncing.
constexpr size_t wave_size = 128;

error invalid(std::string message) {
  return {errc::invalid_argument, std::move(message)};
}

} // namespace

file_commit::file_commit(file_state& state, std::span<mutation> batch)
  : state_(state), batch_(batch), steps_(batch.size()) {
  for (size_t i = 0; i < batch.size(); ++i)
    steps_[i].what = &batch[i];
}

file_commit::~file_commit() {
  state_.groups.release();
  state_.lock.unlock_dirs();
}

std::vector<commit_outcome> file_commit::run() {
  for (auto& x : steps_)
    prepare(x);
  if (auto ok = state_.lock.lock_dirs(dirs_of(live())); !ok)
    for (auto* x : live())
      drop(*x, ok.error());
  if (auto ok = state_.groups.settle(); !ok)
    for (auto* x : live())
      drop(*x, ok.error());
  for (auto* x : live())
    check(*x);
  fail_groups();
  make_directories();
  sweep();
  write_all();
  open_directories();
  fail_groups();
  publish_groups();
  for (auto* x : live())
    if (!x->recorded && !x->keeps())
      publish(*x);
  sync_directories(changed_dirs(), true);
  finish_groups();
  fail_groups();
  return outcomes_of(steps_);
}

// -- phases -------------------------------------------------------------------

/// Does what needs no lock.
void file_commit::prepare(step& x) {
  if (auto ok = check_key(x.what->key); !ok)
    return drop(x, ok.error());
  x.name = name_of(x.what->key);
  if (state_.dirs[x.name.dir] == dir_state::failed)
    return drop(x, {errc::io_error,
                    "nothing more is written to " + state_.dir_path(x.name.dir)
                      + ", as a sync of it failed: reopen the store"});
  if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.what->content);
      blob && !*blob)
    return drop(x, invalid("no blob to put"));
  auto* staged = std::get_if<std::shared_ptr<staged_blob>>(&x.what->content);
  if (!staged)
    return;
  x.staged = dynamic_cast<file_staged_blob*>(staged->get());
  if (!x.staged)
    return drop(x, invalid("not a blob staged here"));
  if (auto ok = x.staged->complete(state_, x.what->key); !ok)
    drop(x, ok.error());
}

/// Finds out whether the mutation may be carried out.
void file_commit::check(step& x) {
  auto& condition = x.what->condition;
  if (x.erases() && condition.type == precondition::kind::none)
    return; // unlink will tell
  auto path = state_.path(x.name);
  if (condition.type != precondition::kind::matches) {
    struct stat info {};
    auto err = state_.ops->stat(path, info);
    if (err != 0 && err != -ENOENT)
      return drop(x, io_failure("look at", path, err));
    x.existed = err == 0;
    if (x.existed && condition.type == precondition::kind::absent)
      drop(x, {errc::precondition_failed, "the key exists"});
    return;
  }
  read_request request;
  request.key = x.what->key;
  request.part = blob_part::header;
  auto found = read_blob(*state_.ops, path, x.name.is_long, request);
  if (!found && found.error() != errc::corruption)
    return drop(x, found.error());
  x.existed = !found || *found;
  auto is_same
    = [&] { return found && has_revision((*found)->data, condition.rev); };
  if (auto ok = check_precondition(condition, x.existed, is_same); !ok)
    drop(x, std::move(ok.error()));
}

/// Makes the directories that are missing. Those that are there may have been
/// made by a process that did not live to sync them, hence one sync for all
/// that this object does not know of.
void file_commit::make_directories() {
  dir_set fresh;
  for (auto* x : live_puts()) {
    auto dir = x->name.dir;
    if (state_.dirs[dir] != dir_state::unknown)
      continue;
    auto path = state_.dir_path(dir);
    auto err = state_.ops->make_directory(path);
    if (err == 0 || err == -EEXIST)
      fresh.set(dir);
    else
      drop(*x, io_failure("create", path, err));
  }
  if (fresh.none())
    return;
  if (state_.config.sync && !state_.root_synced)
    state_.ops->list(state_.config.dir, [&](std::string_view name, file_kind) {
      if (auto dir = parse_dir_name(name);
          dir && state_.dirs[*dir] == dir_state::unknown)
        fresh.set(*dir);
    });
  auto synced = state_.groups.sync_root();
  state_.root_synced |= synced.has_value();
  for (unsigned dir = 0; dir < fan_out; ++dir) {
    if (synced && fresh[dir])
      state_.dirs[dir] = dir_state::ready;
    if (synced || state_.dirs[dir] != dir_state::unknown)
      continue;
    state_.dirs[dir] = dir_state::failed;
    fail_dir(dir, synced.error(), false);
  }
}

void file_commit::sweep() {
  auto dirs = changed_dirs() & ~state_.swept;
  for (unsigned dir = 0; dir < fan_out; ++dir)
    if (dirs[dir] && sweep_orphans(state_, dir))
      state_.swept.set(dir);
}

/// Writes the new files and makes them durable, some at a time: writing many
/// before the first sync lets the file system write them together.
void file_commit::write_all() {
  auto puts = live_puts();
  std::span<step*> rest{puts};
  while (!rest.empty()) {
    auto wave = rest.first(std::min(rest.size(), wave_size));
    rest = rest.subspan(wave.size());
    write_files(wave);
    if (state_.config.sync)
      sync_files(wave);
    for (auto* x : wave)
      x->file.close();
  }
}

/// In parallel, since making a file may wait for the medium as well.
void file_commit::write_files(std::span<step*> wave) {
  std::vector<expected<void>> results(wave.size());
  state_.pool.for_each(wave.size(),
                       [&](size_t i) { results[i] = write(*wave[i]); });
  for (size_t i = 0; i < wave.size(); ++i)
    if (!results[i])
      drop(*wave[i], results[i].error());
}

expected<void> file_commit::write(step& x) {
  if (x.staged)
    return {}; // is written already
  auto& blob = *std::get<std::shared_ptr<const bytes>>(x.what->content);
  auto ok
    = x.file.create(*state_.ops, state_.dir_path(x.name.dir), x.name.name);
  if (ok)
    ok = x.file.handle().write(blob, 0);
  if (ok && x.name.is_long)
    ok = x.file.handle().write(make_trailer(x.what->key), blob.size());
  return ok;
}

void file_commit::sync_files(std::span<step*> wave) {
  std::vector<expected<void>> results(wave.size());
  state_.pool.for_each(wave.size(), [&](size_t i) {
    if (!wave[i]->problem)
      results[i] = wave[i]->source().handle().sync();
  });
  for (size_t i = 0; i < wave.size(); ++i) {
    if (results[i])
      continue;
    drop(*wave[i], results[i].error());
    if (wave[i]->staged)
      wave[i]->staged->finish(); // or it might be synced once more
  }
}

/// Opens the directories before anything is published, so that a failure to
/// open one changes nothing.
void file_commit::open_directories() {
  if (!state_.config.sync)
    return;
  auto dirs = changed_dirs();
  for (unsigned dir = 0; dir < fan_out; ++dir) {
    if (!dirs[dir])
      continue;
    file_handle handle;
    auto path = state_.dir_path(dir);
    auto err = handle.open(*state_.ops, path, O_RDONLY | O_DIRECTORY);
    if (err == 0)
      open_dirs_.emplace(dir, std::move(handle));
    else if (err != -ENOENT) // then there is nothing to erase
      fail_dir(dir, io_failure("open", path, err), false);
  }
}

void file_commit::publish(step& x) {
  auto path = state_.path(x.name);
  if (x.erases()) {
    auto err = state_.ops->unlink(path);
    if (err != 0 && err != -ENOENT)
      return drop(x, io_failure("remove", path, err, err == -EIO));
    x.existed = err == 0;
    return;
  }
  if (auto ok = x.source().publish(path); !ok)
    return drop(x, ok.error());
  if (x.staged)
    x.staged->finish();
}

/// Also after erasing what was not there: whoever erased it may not have lived
/// to sync it.
void file_commit::sync_directories(const dir_set& dirs, bool data_loss) {
  std::vector<std::pair<unsigned, const file_handle*>> handles;
  for (auto& [dir, handle] : open_dirs_)
    if (dirs[dir])
      handles.emplace_back(dir, &handle);
  std::vector<expected<void>> results(handles.size());
  state_.pool.for_each(
    handles.size(), [&](size_t i) { results[i] = handles[i].second->sync(); });
  for (size_t i = 0; i < handles.size(); ++i) {
    if (results[i])
      continue;
    state_.dirs[handles[i].first] = dir_state::failed;
    fail_dir(handles[i].first, results[i].error(), data_loss);
  }
}

// -- utilities ----------------------------------------------------------------

std::vector<file_commit::step*> file_commit::live() {
  std::vector<step*> result;
  for (auto& x : steps_)
    if (!x.problem)
      result.push_back(&x);
  return result;
}

std::vector<file_commit::step*> file_commit::live_puts() {
  auto result = live();
  std::erase_if(result, [](step* x) { return !x->puts(); });
  return result;
}

dir_set file_commit::dirs_of(const std::vector<step*>& steps) {
  dir_set result;
  for (auto* x : steps)
    result.set(x->name.dir);
  return result;
}

/// Returns the directories of all that is to be changed.
dir_set file_commit::changed_dirs() {
  auto steps = live();
  std::erase_if(steps, [](step* x) { return x->keeps(); });
  return dirs_of(steps);
}

void file_commit::fail_dir(unsigned dir, const error& problem, bool data_loss) {
  for (auto* x : live())
    if (x->name.dir == dir)
      drop(*x, {problem.code(), problem.message(), data_loss});
}

/// Ends the part of one mutation.
void file_commit::drop(step& x, error problem) {
  x.problem = std::move(problem);
  if (!x.file.discard())
    state_.swept.reset(x.name.dir);
}

} // namespace larder::detail
