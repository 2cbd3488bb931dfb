// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/identity.hpp"
#include "larder/detail/file/stage.hpp"
#include "larder/detail/file/store.hpp"

#include <fcntl.h>

#include <cerrno>

namespace larder::detail {

namespace {

using ops_ptr = std::shared_ptr<file_ops>;

constexpr std::string_view kind = "file";

std::string identity_path(const std::string& dir) {
  return dir + "/" + std::string{identity_file};
}

std::string destroyed_path(const std::string& dir) {
  return dir + "/" + std::string{destroyed_file};
}

// -- identity -----------------------------------------------------------------

/// @returns `not_found` if `dir` has no identity
expected<uuid> read_identity(file_ops& ops, const std::string& dir) {
  auto path = identity_path(dir);
  file_handle file;
  auto err = file.open(ops, path, O_RDONLY);
  if (err == -ENOENT || err == -ENOTDIR) {
    auto destroyed = path_exists(ops, destroyed_path(dir));
    if (destroyed && *destroyed)
      return fail(errc::not_found, "the store in " + dir
                                     + " was partly destroyed; destroy it "
                                       "again to remove the rest");
    return fail(errc::not_found, "there is no store in " + dir);
  }
  if (err != 0)
    return fail(io_failure("open", path, err));
  auto content = file.read(0, max_identity_size);
  if (!content)
    return fail(content.error());
  return parse_identity(kind, as_chars(*content), path);
}

/// Makes `dir` a store.
expected<void> write_identity(file_ops& ops, const file_config& config,
                              const uuid& id) {
  staging_file file;
  if (auto ok = file.create(ops, config.dir, identity_file); !ok)
    return ok;
  if (auto ok = file.handle().write(as_bytes(print_identity(kind, id)), 0); !ok)
    return ok;
  if (config.sync) {
    if (auto ok = file.handle().sync(); !ok)
      return ok;
    // The lock file must be there when the identity is.
    if (auto ok = sync_directory(ops, config.dir); !ok)
      return ok;
  }
  if (auto ok = file.publish(identity_path(config.dir)); !ok)
    return ok;
  if (config.sync)
    return sync_directory(ops, config.dir);
  return {};
}

// -- creation -----------------------------------------------------------------

bool is_identity_staging(std::string_view name) {
  return name.starts_with(std::string{identity_file} + ".")
         && name.ends_with(".new");
}

/// Checks that there is nothing in `dir` but what an interrupted creation may
/// have left.
/// @returns the paths of its staging files, `not_found` without directory
expected<std::vector<std::string>> check_unused(file_ops& ops,
                                                const std::string& dir) {
  std::vector<std::string> result;
  std::string foreign;
  auto err = ops.list(dir, [&](std::string_view name, file_kind) {
    if (is_identity_staging(name))
      result.push_back(dir + "/" + std::string{name});
    else if (name != store_lock::file)
      foreign = name;
  });
  if (err == -ENOENT)
    return fail(errc::not_found, "there is no directory " + dir);
  if (err != 0)
    return fail(io_failure("list", dir, err));
  if (foreign == identity_file)
    return fail(errc::already_exists,
                "there is a store in " + dir + " already");
  if (foreign == destroyed_file)
    return fail(errc::invalid_argument,
                "the store in " + dir
                  + " was partly destroyed; destroy it again first");
  if (!foreign.empty())
    return fail(errc::invalid_argument,
                dir + " is no store and not empty (it has \"" + foreign
                  + "\"); choose another directory");
  return result;
}

/// Makes the store while nobody else can open or make it.
expected<void> create_locked(const file_config& config, const ops_ptr& ops) {
  auto lock = store_lock::acquire(ops, config.dir, lock_kind::exclusive, true);
  if (!lock)
    return fail(lock.error());
  auto leftovers = check_unused(*ops, config.dir);
  if (!leftovers)
    return fail(leftovers.error());
  for (auto& path : *leftovers)
    if (auto err = ops->unlink(path); err != 0)
      return fail(io_failure("remove", path, err));
  return write_identity(*ops, config, uuid::random());
}

} // namespace

expected<std::unique_ptr<backend>> create_file_store(file_config config,
                                                     ops_ptr ops) {
  // Looked at before anything is made: a refusal leaves no trace.
  auto unused = check_unused(*ops, config.dir);
  if (!unused && unused.error() != errc::not_found)
    return fail(unused.error());
  if (auto ok = make_directories(*ops, config.dir, config.sync); !ok)
    return fail(ok.error());
  if (auto ok = create_locked(config, ops); !ok)
    return fail(ok.error());
  return open_file_store(std::move(config), std::move(ops));
}

// -- opening ------------------------------------------------------------------

expected<std::unique_ptr<backend>> open_file_store(file_config config,
                                                   ops_ptr ops) {
  // Read twice: first for a clear answer, then under the lock for a true one.
  if (auto id = read_identity(*ops, config.dir); !id)
    return fail(id.error());
  auto kind = config.shared ? lock_kind::shared : lock_kind::exclusive;
  auto lock = store_lock::acquire(ops, config.dir, kind, false);
  if (!lock && lock.error() == errc::not_found)
    return fail(errc::corruption, "the store in " + config.dir
                                    + " is damaged: " + lock.error().message());
  if (!lock)
    return fail(lock.error());
  auto id = read_identity(*ops, config.dir);
  if (!id)
    return fail(id.error());
  auto state = std::make_shared<file_state>(std::move(config), std::move(ops),
                                            std::move(*lock), *id);
  if (auto ok = state->groups.open(); !ok)
    return fail(ok.error());
  return make_file_backend(std::move(state));
}

expected<bool> file_store_exists(const std::string& dir, file_ops& ops) {
  return path_exists(ops, identity_path(dir));
}

// -- destruction --------------------------------------------------------------

namespace {

/// Removes what belongs to a store that is already marked as destroyed.
class destroyer {
public:
  destroyer(const file_config& config, file_ops& ops)
    : config_(config), ops_(ops) {
    // nop
  }

  expected<void> run() {
    for (unsigned dir = 0; dir < fan_out; ++dir)
      if (auto ok = remove_dir(dir); !ok)
        return ok;
    // The mark goes last but one: with the lock alone, nothing is left that
    // matters.
    for (auto name :
         {groups_file, groups_staging_file, destroyed_file, store_lock::file})
      if (auto ok = remove(config_.dir + "/" + std::string{name}); !ok)
        return ok;
    return remove_store_directory(ops_, config_.dir, config_.sync);
  }

private:
  expected<void> remove(const std::string& path) {
    auto err = ops_.unlink(path);
    if (err != 0 && err != -ENOENT)
      return fail(io_failure("remove", path, err));
    return {};
  }

  expected<void> remove_dir(unsigned dir) {
    auto path = config_.dir + "/" + dir_name(dir);
    std::vector<std::string> ours;
    auto err = ops_.list(path, [&](std::string_view name, file_kind kind) {
      if (kind == file_kind::regular
          && (parse_name(dir, name) || is_staging_name(name)))
        ours.push_back(path + "/" + std::string{name});
    });
    if (err == -ENOENT || err == -ENOTDIR)
      return {};
    if (err != 0)
      return fail(io_failure("list", path, err));
    for (auto& file : ours)
      if (auto ok = remove(file); !ok)
        return ok;
    err = ops_.remove_directory(path);
    if (err != 0 && err != -ENOTEMPTY && err != -EEXIST)
      return fail(io_failure("remove", path, err));
    return {};
  }

  const file_config& config_;
  file_ops& ops_;
};

/// Makes the store stop to be one before anything is removed: an interrupted
/// removal leaves no store that has lost some of its keys.
expected<void> mark_destroyed(const file_config& config, file_ops& ops) {
  auto err = ops.rename(identity_path(config.dir), destroyed_path(config.dir));
  if (err != 0)
    return fail(io_failure("rename", identity_path(config.dir), err));
  if (config.sync)
    return sync_directory(ops, config.dir);
  return {};
}

} // namespace

expected<void> destroy_file_store(const file_config& config, ops_ptr ops) {
  auto store = path_exists(*ops, identity_path(config.dir));
  if (!store)
    return fail(store.error());
  auto rest = path_exists(*ops, destroyed_path(config.dir));
  if (!rest)
    return fail(rest.error());
  if (!*store && !*rest)
    return fail(errc::not_found, "there is no store in " + config.dir);
  auto lock = store_lock::acquire(ops, config.dir, lock_kind::exclusive, true);
  if (!lock)
    return fail(lock.error());
  if (*store)
    if (auto ok = mark_destroyed(config, *ops); !ok)
      return ok;
  return destroyer{config, *ops}.run();
}

} // namespace larder::detail
