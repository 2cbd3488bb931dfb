// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/groups.hpp"
#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/state.hpp"
#include "larder/detail/file/store.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace larder::detail {

namespace {

constexpr uint64_t phase_mask = 3;

uint64_t phase_of(uint64_t word) {
  return word & phase_mask;
}

/// Returns the word of the same record in another phase.
uint64_t in_phase(uint64_t word, uint64_t phase) {
  return (word & ~phase_mask) | phase;
}

/// Returns the word when there is no record any more.
uint64_t after(uint64_t word) {
  return (word | phase_mask) + 1;
}

error reopen_first(const std::string& dir) {
  return {errc::io_error, "a sync of the store in " + dir
                            + " failed: reopen it before you write more"};
}

} // namespace

group_gate::group_gate(const file_config& config, file_ops& ops,
                       store_lock& lock, const uuid& id)
  : config_(config),
    ops_(ops),
    lock_(lock),
    id_(id),
    path_(config.dir + "/" + std::string{groups_file}),
    staging_path_(config.dir + "/" + std::string{groups_staging_file}) {
  // nop
}

expected<void> group_gate::open() {
  auto word = lock_.read_word();
  if (!word)
    return fail(word.error());
  auto left = expected<bool>{phase_of(*word) != idle};
  for (auto* path : {&path_, &staging_path_})
    if (left && !*left)
      left = exists(*path);
  if (!left)
    return fail(left.error());
  if (!*left)
    return {};
  std::lock_guard guard{mutex_};
  return recover(reason::files);
}

// -- for readers --------------------------------------------------------------

expected<uint64_t> group_gate::version() {
  auto word = lock_.read_word();
  if (word && phase_of(*word) == applying) {
    std::lock_guard guard{mutex_};
    if (auto ok = keep_out(); !ok)
      return fail(ok.error());
    word = lock_.read_word();
    let_in();
  }
  if (!word)
    return word;
  return (*word + 1) / (phase_mask + 1);
}

/// Waits until no group is half visible, and lets none become so.
expected<void> group_gate::keep_out() {
  for (;;) {
    // The writer among the own threads has the lock already.
    if (!under_way_)
      if (auto ok = lock_.lock_groups(lock_kind::shared); !ok)
        return ok;
    auto word = lock_.read_word();
    if (word && phase_of(*word) != applying)
      return {};
    let_in();
    if (!word)
      return fail(word.error());
    if (auto ok = recover(reason::word); !ok)
      return ok;
  }
}

void group_gate::let_in() noexcept {
  if (!under_way_)
    static_cast<void>(lock_.lock_groups(lock_kind::none));
}

// -- for writers --------------------------------------------------------------

expected<void> group_gate::settle() {
  auto word = lock_.read_word();
  if (!word)
    return fail(word.error());
  if (phase_of(*word) == idle)
    return {};
  std::lock_guard guard{mutex_};
  return recover(reason::word);
}

expected<void> group_gate::record(const intent& changes) {
  auto data = encode_intent(id_, changes);
  if (!data)
    return fail(data.error());
  has_erases_ = std::any_of(changes.begin(), changes.end(),
                            [](auto& x) { return !x.staged; });
  holding_.lock();
  if (auto ok = lock_.lock_groups(lock_kind::exclusive); !ok) {
    holding_.unlock();
    return ok;
  }
  under_way_ = true;
  auto result = prepare();
  if (result)
    result = write_record(*data);
  if (!result)
    release();
  return result;
}

/// Makes sure that there is no record, now that no other can come.
expected<void> group_gate::prepare() {
  if (failed_)
    return fail(reopen_first(config_.dir));
  auto word = lock_.read_word();
  if (word && phase_of(*word) != idle) {
    if (auto ok = recover_locked(); !ok)
      return ok;
    word = lock_.read_word();
  }
  if (!word)
    return fail(word.error());
  base_ = *word;
  return {};
}

/// Makes the record durable and the files free to be changed.
expected<void> group_gate::write_record(bytes_view data) {
  if (auto ok = lock_.write_word(in_phase(base_, recorded)); !ok)
    return ok;
  auto result = write_staged_record(data);
  if (!result && !result.error().data_loss()) {
    // If this fails, the next writer finds that there is no record.
    ops_.unlink(staging_path_);
    static_cast<void>(lock_.write_word(after(base_)));
    return result;
  }
  if (result)
    result = lock_.write_word(in_phase(base_, applying));
  if (!result)
    return fail(errc::io_error, result.error().message(), true);
  return {};
}

expected<void> group_gate::write_staged_record(bytes_view data) {
  file_handle file;
  auto err = file.open(ops_, staging_path_, O_RDWR | O_CREAT | O_TRUNC);
  if (err != 0)
    return fail(io_failure("create", staging_path_, err));
  if (auto ok = file.write(data, 0); !ok)
    return ok;
  if (config_.sync)
    if (auto ok = file.sync(); !ok)
      return ok;
  err = ops_.rename(staging_path_, path_);
  if (err != 0) {
    auto staged = exists(staging_path_);
    return fail(io_failure("rename " + staging_path_ + " to", path_, err,
                           !staged || !*staged));
  }
  if (auto ok = sync_root(); !ok)
    return fail(errc::io_error, ok.error().message(), true);
  return {};
}

expected<void> group_gate::applied() {
  if (auto ok = lock_.write_word(in_phase(base_, applied_phase)); !ok)
    return ok;
  if (auto ok = lock_.lock_groups(lock_kind::shared); !ok)
    return ok;
  holding_.unlock();
  return {};
}

expected<void> group_gate::finish() {
  // Without erases a record that comes back after a crash does no harm: its
  // staging files are gone. But an erase might be done again to a later blob.
  auto result = remove_record(has_erases_);
  if (result)
    // If this fails, the next writer finds that there is no record.
    static_cast<void>(lock_.write_word(after(base_)));
  release();
  return result;
}

void group_gate::give_up() noexcept {
  failed_ = true;
}

void group_gate::release() noexcept {
  if (!under_way_)
    return;
  if (!holding_.owns_lock())
    holding_.lock();
  under_way_ = false;
  let_in();
  holding_.unlock();
}

// -- recovery -----------------------------------------------------------------

/// Carries out a record whose writer is gone, once that is certain. The caller
/// holds the mutex.
/// @param why what has shown that there may be one
expected<void> group_gate::recover(reason why) {
  if (auto ok = lock_.lock_groups(lock_kind::exclusive); !ok)
    return ok;
  auto word = lock_.read_word();
  auto result = word ? expected<void>{} : fail(word.error());
  if (result && (why == reason::files || phase_of(*word) != idle))
    result = recover_locked();
  let_in();
  return result;
}

expected<void> group_gate::recover_locked() {
  if (failed_)
    return fail(reopen_first(config_.dir));
  auto word = lock_.read_word();
  if (!word)
    return fail(word.error());
  auto changes = read_record();
  if (!changes)
    return fail(changes.error());
  if (*changes)
    if (auto ok = replay(*word, **changes); !ok)
      return ok;
  auto err = ops_.unlink(staging_path_);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("remove", staging_path_, err));
  return lock_.write_word(after(*word));
}

/// Carries out a record, as often as it takes: what is done already stays so.
expected<void> group_gate::replay(uint64_t word, const intent& changes) {
  // Nothing may be changed before the record is durable.
  if (auto ok = sync_root(); !ok)
    return ok;
  if (auto ok = lock_.write_word(in_phase(word, applying)); !ok)
    return ok;
  dir_set dirs;
  for (auto& x : changes) {
    dirs.set(x.dir);
    auto err = carry_out(ops_, config_.dir, x);
    if (err != 0 && err != -ENOENT)
      return fail(io_failure("finish the interrupted groups in", path_, err));
  }
  if (auto ok = lock_.write_word(in_phase(word, applied_phase)); !ok)
    return ok;
  for (unsigned dir = 0; dir < fan_out; ++dir)
    if (dirs[dir])
      if (auto ok = sync(config_.dir + "/" + dir_name(dir)); !ok)
        return ok;
  return remove_record(true);
}

expected<std::optional<intent>> group_gate::read_record() const {
  file_handle file;
  auto err = file.open(ops_, path_, O_RDONLY);
  if (err == -ENOENT)
    return std::nullopt;
  if (err != 0)
    return fail(io_failure("open", path_, err));
  auto info = file.status();
  if (!info)
    return fail(info.error());
  auto size = std::min<uint64_t>(info->st_size, max_intent_size);
  auto data = file.read(0, size);
  if (!data)
    return fail(data.error());
  auto result = decode_intent(id_, *data);
  if (!result)
    return fail(
      errc::corruption,
      path_ + ": " + result.error().message()
        + "; which keys of an interrupted group are new is not known: "
          "remove the file to go on with what is there");
  return std::move(*result);
}

expected<void> group_gate::remove_record(bool durably) {
  auto err = ops_.unlink(path_);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("remove", path_, err));
  return durably ? sync_root() : expected<void>{};
}

expected<void> group_gate::sync_root() {
  if (failed_)
    return fail(reopen_first(config_.dir));
  return sync(config_.dir);
}

/// Makes the entries of a directory durable if anything is to be.
expected<void> group_gate::sync(const std::string& dir) {
  if (!config_.sync)
    return {};
  file_handle handle;
  auto err = handle.open(ops_, dir, O_RDONLY | O_DIRECTORY);
  if (err == -ENOENT)
    return {}; // then there was nothing to erase
  if (err != 0)
    return fail(io_failure("open", dir, err));
  auto result = handle.sync();
  if (!result)
    give_up();
  return result;
}

expected<bool> group_gate::exists(const std::string& path) const {
  struct stat info {};
  auto err = ops_.stat(path, info);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("look at", path, err));
  return err == 0;
}

} // namespace larder::detail
