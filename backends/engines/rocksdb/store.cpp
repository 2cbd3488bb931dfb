// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/store.hpp"

#include "engines/rocksdb/database.hpp"
#include "engines/rocksdb/engine.hpp"

#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/identity.hpp"
#include "larder/detail/file/lock.hpp"

#include <fcntl.h>

#include <cerrno>

namespace larder::detail {

namespace {

constexpr std::string_view kind = "rocksdb";

std::string path_of(const rocks_config& config, std::string_view name) {
  return config.dir + "/" + std::string{name};
}

/// @returns `not_found` if there is no identity
expected<uuid> read_identity(file_ops& ops, const rocks_config& config) {
  auto path = path_of(config, rocks_identity_file);
  file_handle file;
  auto err = file.open(ops, path, O_RDONLY);
  if (err == -ENOENT || err == -ENOTDIR) {
    auto rest = path_exists(ops, path_of(config, rocks_destroyed_file));
    if (rest && *rest)
      return fail(errc::not_found, "the store in " + config.dir
                                     + " was partly destroyed; destroy it "
                                       "again to remove the rest");
    auto foreign = path_exists(ops, path_of(config, "CURRENT"));
    if (foreign && *foreign)
      return fail(errc::not_found,
                  "the database in " + config.dir + " is not a larder store");
    return fail(errc::not_found, "there is no rocksdb store in " + config.dir);
  }
  if (err != 0)
    return fail(io_failure("open", path, err));
  auto content = file.read(0, max_identity_size);
  if (!content)
    return fail(content.error());
  return parse_identity(kind, as_chars(*content), path);
}

// -- creation -----------------------------------------------------------------

/// Checks that there is nothing but what an interrupted creation may have left.
/// @returns `not_found` without directory
expected<void> check_unused(file_ops& ops, const rocks_config& config) {
  bool exists = false;
  bool destroyed = false;
  bool interrupted = false;
  std::string foreign;
  auto err = ops.list(config.dir, [&](std::string_view name, file_kind) {
    if (name == rocks_identity_file)
      exists = true;
    else if (name == rocks_destroyed_file)
      destroyed = true;
    else if (name == rocks_creating_file)
      interrupted = true;
    else if (name != store_lock::file)
      foreign = name;
  });
  if (err == -ENOENT)
    return fail(errc::not_found, "there is no directory " + config.dir);
  if (err != 0)
    return fail(io_failure("list", config.dir, err));
  if (exists)
    return fail(errc::already_exists,
                "there is a store in " + config.dir + " already");
  if (destroyed)
    return fail(errc::invalid_argument,
                "the store in " + config.dir
                  + " was partly destroyed; destroy it again first");
  if (!foreign.empty() && !interrupted)
    return fail(errc::invalid_argument,
                config.dir + " is no larder store and not empty (it has \""
                  + foreign + "\"); choose another directory");
  return {};
}

/// Writes the identity under its first name: from here on the files of a
/// database in the directory are known to be ours.
expected<void> write_identity(file_ops& ops, const rocks_config& config,
                              const uuid& id) {
  auto path = path_of(config, rocks_creating_file);
  file_handle file;
  if (auto err = file.open(ops, path, O_RDWR | O_CREAT | O_TRUNC); err != 0)
    return fail(io_failure("create", path, err));
  if (auto ok = file.write(as_bytes(print_identity(kind, id)), 0); !ok)
    return ok;
  if (!config.sync)
    return {};
  if (auto ok = file.sync(); !ok)
    return ok;
  return sync_directory(ops, config.dir);
}

/// Removes the files that RocksDB would make.
expected<void> remove_database(const rocks_config& config) {
  rocks_options options{config};
  auto status
    = rocksdb::DestroyDB(config.dir, {options.db, options.heads},
                         {{std::string{notes_family}, options.notes},
                          {std::string{heads_family}, options.heads},
                          {std::string{chunks_family}, options.chunks}});
  if (!status.ok())
    return fail(
      to_error(status, "cannot remove the database in " + config.dir));
  return {};
}

expected<void> rename_identity(file_ops& ops, const rocks_config& config,
                               std::string_view from, std::string_view to) {
  auto path = path_of(config, from);
  if (auto err = ops.rename(path, path_of(config, to)); err != 0)
    return fail(io_failure("rename", path, err));
  return config.sync ? sync_directory(ops, config.dir) : expected<void>{};
}

/// Makes the database and turns the directory into a store when it is there.
expected<std::shared_ptr<rocks_database>>
make_database(const std::shared_ptr<file_ops>& ops, rocks_config config) {
  auto lock = store_lock::acquire(ops, config.dir, lock_kind::exclusive, true);
  if (!lock)
    return fail(lock.error());
  if (auto ok = check_unused(*ops, config); !ok)
    return fail(ok.error());
  auto id = uuid::random();
  if (auto ok = write_identity(*ops, config, id); !ok)
    return fail(ok.error());
  if (auto ok = remove_database(config); !ok)
    return fail(ok.error());
  auto result = rocks_database::open(config, std::move(*lock), id, true);
  if (!result)
    return result;
  if (auto ok
      = rename_identity(*ops, config, rocks_creating_file, rocks_identity_file);
      !ok)
    return fail(ok.error());
  return result;
}

} // namespace

expected<std::unique_ptr<backend>> create_rocks_store(rocks_config config) {
  auto ops = std::make_shared<file_ops>();
  // Looked at before anything is made: a refusal leaves no trace.
  if (auto ok = check_unused(*ops, config);
      !ok && ok.error() != errc::not_found)
    return fail(ok.error());
  if (auto ok = make_directories(*ops, config.dir, config.sync); !ok)
    return fail(ok.error());
  auto db = make_database(ops, std::move(config));
  if (!db)
    return fail(db.error());
  return make_rocks_backend(std::move(*db));
}

// -- opening ------------------------------------------------------------------

expected<std::unique_ptr<backend>> open_rocks_store(rocks_config config) {
  auto ops = std::make_shared<file_ops>();
  // Read twice: first for a clear answer, then under the lock for a true one.
  if (auto id = read_identity(*ops, config); !id)
    return fail(id.error());
  auto lock = store_lock::acquire(ops, config.dir, lock_kind::exclusive, false);
  if (!lock && lock.error() == errc::not_found)
    return fail(errc::corruption, "the store in " + config.dir
                                    + " is damaged: " + lock.error().message());
  if (!lock)
    return fail(lock.error());
  auto id = read_identity(*ops, config);
  if (!id)
    return fail(id.error());
  auto db
    = rocks_database::open(std::move(config), std::move(*lock), *id, false);
  if (!db)
    return fail(db.error());
  return make_rocks_backend(std::move(*db));
}

expected<bool> rocks_store_exists(const rocks_config& config) {
  file_ops ops;
  return path_exists(ops, path_of(config, rocks_identity_file));
}

// -- destruction --------------------------------------------------------------

namespace {

expected<void> remove_file(file_ops& ops, const std::string& path) {
  auto err = ops.unlink(path);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("remove", path, err));
  return {};
}

} // namespace

expected<void> destroy_rocks_store(const rocks_config& config) {
  auto ops = std::make_shared<file_ops>();
  auto store = rocks_store_exists(config);
  if (!store)
    return fail(store.error());
  auto rest = path_exists(*ops, path_of(config, rocks_destroyed_file));
  if (!rest)
    return fail(rest.error());
  if (!*store && !*rest)
    return fail(errc::not_found, "there is no rocksdb store in " + config.dir);
  auto lock = store_lock::acquire(ops, config.dir, lock_kind::exclusive, true);
  if (!lock)
    return fail(lock.error());
  // It stops being a store before anything is removed: an interrupted removal
  // leaves none that has lost some of its keys.
  if (*store)
    if (auto ok = rename_identity(*ops, config, rocks_identity_file,
                                  rocks_destroyed_file);
        !ok)
      return ok;
  if (auto ok = remove_database(config); !ok)
    return ok;
  // The mark goes last but one: with the lock alone, nothing is left that
  // matters.
  for (auto name :
       {rocks_creating_file, rocks_destroyed_file, store_lock::file})
    if (auto ok = remove_file(*ops, path_of(config, name)); !ok)
      return ok;
  return remove_store_directory(*ops, config.dir, config.sync);
}

} // namespace larder::detail
