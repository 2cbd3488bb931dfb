// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/stage.hpp"
#include "larder/detail/stage_checks.hpp"

#include <fcntl.h>

#include <cerrno>

namespace larder::detail {

// -- staging_file -------------------------------------------------------------

staging_file::~staging_file() {
  discard();
}

expected<void> staging_file::create(file_ops& ops, const std::string& dir,
                                    std::string_view name) {
  discard();
  id_ = uuid::random();
  path_ = dir + "/" + staging_name(name, id_);
  auto err = handle_.open(ops, path_, O_RDWR | O_CREAT | O_EXCL);
  if (err != 0)
    return fail(io_failure("create", path_, err));
  ops_ = &ops;
  return {};
}

/// A sweeper that comes between creation and lock takes the file for an orphan;
/// then it has no name any more when the lock is ours, and another is made.
expected<void> staging_file::create_locked(file_ops& ops,
                                           const std::string& dir,
                                           std::string_view name) {
  for (;;) {
    if (auto ok = create(ops, dir, name); !ok)
      return ok;
    auto err = ops.lock(handle_.fd(), lock_kind::exclusive, 0, 0, true);
    if (err != 0)
      return fail(io_failure("lock", path_, err));
    auto info = handle_.status();
    if (!info)
      return fail(info.error());
    if (info->st_nlink > 0)
      return {};
  }
}

expected<void> staging_file::publish(const std::string& path) {
  auto err = ops_->rename(path_, path);
  if (err == 0) {
    ops_ = nullptr;
    return {};
  }
  struct stat info {};
  auto still_staged = ops_->stat(path_, info) == 0;
  return fail(io_failure("rename " + path_ + " to", path, err, !still_staged));
}

bool staging_file::discard() noexcept {
  handle_.close();
  if (ops_ == nullptr)
    return true;
  auto err = std::exchange(ops_, nullptr)->unlink(path_);
  return err == 0 || err == -ENOENT;
}

// -- file_staged_blob ---------------------------------------------------------

file_staged_blob::file_staged_blob(std::shared_ptr<file_state> state,
                                   std::string_view key, uint64_t prefix_size)
  : state_(std::move(state)),
    key_(key),
    name_(name_of(key)),
    prefix_size_(prefix_size),
    size_(prefix_size),
    has_prefix_(prefix_size == 0) {
  state_->stages.fetch_add(1, std::memory_order_relaxed);
}

file_staged_blob::~file_staged_blob() {
  state_->stages.fetch_sub(1, std::memory_order_relaxed);
}

expected<std::unique_ptr<file_staged_blob>>
file_staged_blob::make(std::shared_ptr<file_state> state, std::string_view key,
                       uint64_t prefix_size) {
  std::unique_ptr<file_staged_blob> result{
    new file_staged_blob(std::move(state), key, prefix_size)};
  auto& ops = *result->state_->ops;
  auto dir = result->state_->dir_path(result->name_.dir);
  auto err = ops.make_directory(dir);
  if (err != 0 && err != -EEXIST)
    return fail(io_failure("create", dir, err));
  if (auto ok = result->file_.create_locked(ops, dir, result->name_.name); !ok)
    return fail(ok.error());
  return result;
}

expected<void> file_staged_blob::check_open() const {
  return check_stage_open(!finished_);
}

expected<void> file_staged_blob::write(bytes_view data, uint64_t offset) {
  if (auto ok = check_open(); !ok)
    return ok;
  auto result = file_.handle().write(data, offset);
  if (!result)
    finish();
  return result;
}

expected<void> file_staged_blob::append(bytes_view data) {
  auto result = write(data, size_);
  if (result)
    size_ += data.size();
  return result;
}

expected<void> file_staged_blob::set_prefix(bytes_view data) {
  if (auto ok = check_stage_prefix(data, prefix_size_); !ok)
    return ok;
  auto result = write(data, 0);
  if (result)
    has_prefix_ = true;
  return result;
}

expected<void> file_staged_blob::complete(const file_state& state,
                                          const std::string& key) {
  if (auto ok = check_open(); !ok)
    return ok;
  if (auto ok = check_stage_complete(&state == state_.get() && key == key_,
                                     has_prefix_);
      !ok)
    return ok;
  if (!name_.is_long)
    return {};
  return write(make_trailer(key_), size_);
}

// -- sweeping -----------------------------------------------------------------

bool sweep_file(file_ops& ops, const std::string& path) {
  file_handle file;
  auto err = file.open(ops, path, O_RDWR);
  if (err != 0)
    return err == -ENOENT;
  err = ops.lock(file.fd(), lock_kind::exclusive, 0, 0, false);
  if (err != 0)
    return err == -EAGAIN;
  err = ops.unlink(path);
  return err == 0 || err == -ENOENT;
}

bool sweep_orphans(file_state& state, unsigned dir) {
  auto path = state.dir_path(dir);
  std::vector<std::string> found;
  auto err = state.ops->list(path, [&](std::string_view name, file_kind kind) {
    if (kind == file_kind::regular && is_staging_name(name))
      found.push_back(path + "/" + std::string{name});
  });
  auto result = err == 0 || err == -ENOENT;
  for (auto& file : found)
    result &= sweep_file(*state.ops, file);
  return result;
}

} // namespace larder::detail
