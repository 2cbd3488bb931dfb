// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "store.hpp"

#include "larder/detail/file/identity.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>

namespace larder::detail {

namespace {

/// The data file while it is being made, and LMDB's lock file of that, which
/// earlier versions made.
constexpr std::string_view new_file = "larder.mdb.new";
constexpr std::string_view new_lock_file = "larder.mdb.new-lock";

/// What a store leaves when it is destroyed or made only in part.
constexpr std::array leftovers{lmdb_environment::lock_file, new_file,
                               new_lock_file};

std::string path_of(const std::string& dir, std::string_view file) {
  return dir + "/" + std::string{file};
}

expected<void> remove_file(file_ops& ops, const std::string& path) {
  auto err = ops.unlink(path);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("remove", path, err));
  return {};
}

expected<void> remove_leftovers(file_ops& ops, const std::string& dir) {
  for (auto name : leftovers)
    if (auto ok = remove_file(ops, path_of(dir, name)); !ok)
      return ok;
  return {};
}

/// Returns the names in `dir` that are no leftovers, `not_found` without `dir`.
expected<std::string> foreign_files(file_ops& ops, const std::string& dir) {
  std::string result;
  auto err = ops.list(dir, [&](std::string_view name, file_kind) {
    if (name != lmdb_lock::file
        && std::find(leftovers.begin(), leftovers.end(), name)
             == leftovers.end())
      result += (result.empty() ? "" : ", ") + std::string{name};
  });
  if (err == -ENOENT)
    return fail(errc::not_found, "there is no directory " + dir);
  if (err == -ENOTDIR)
    return fail(errc::invalid_argument, dir + " is not a directory");
  if (err != 0)
    return fail(io_failure("list", dir, err));
  return result;
}

expected<void> check_unused(file_ops& ops, const std::string& dir) {
  auto exists = lmdb_store_exists(dir, ops);
  if (!exists)
    return fail(exists.error());
  if (*exists)
    return fail(errc::already_exists,
                "there is a store in " + dir + " already");
  auto foreign = foreign_files(ops, dir);
  if (!foreign)
    return fail(foreign.error());
  if (!foreign->empty())
    return fail(errc::invalid_argument,
                dir + " is no store and not empty (it has " + *foreign
                  + "); choose another directory");
  return {};
}

} // namespace

expected<void> create_lmdb_store(const std::string& dir,
                                 const std::shared_ptr<file_ops>& ops) {
  // Looked at before anything is made: a refusal leaves no trace.
  if (auto ok = check_unused(*ops, dir); !ok && ok.error() != errc::not_found)
    return ok;
  if (auto ok = make_directories(*ops, dir, true); !ok)
    return ok;
  auto lock = lmdb_lock::acquire(ops, dir, lock_kind::exclusive);
  if (!lock)
    return fail(lock.error());
  if (auto ok = check_unused(*ops, dir); !ok)
    return ok;
  if (auto ok = remove_leftovers(*ops, dir); !ok)
    return ok;
  auto path = path_of(dir, new_file);
  auto made = lmdb_environment::make(path, uuid::random(), *ops);
  if (made)
    made
      = lmdb_environment::allocate_lock_file(dir); // else it cannot be opened
  if (!made) {
    std::ignore = remove_leftovers(*ops, dir);
    return made;
  }
  // The lock file must be there when the store is.
  if (auto ok = sync_directory(*ops, dir); !ok)
    return ok;
  auto final_path = path_of(dir, lmdb_environment::file);
  if (auto err = ops->rename(path, final_path); err != 0)
    return fail(io_failure("rename", path, err));
  return sync_directory(*ops, dir);
}

expected<bool> lmdb_store_exists(const std::string& dir, file_ops& ops) {
  return path_exists(ops, path_of(dir, lmdb_environment::file));
}

expected<void> destroy_lmdb_store(const std::string& dir,
                                  const std::shared_ptr<file_ops>& ops) {
  auto exists = lmdb_store_exists(dir, *ops);
  if (!exists)
    return fail(exists.error());
  if (!*exists)
    return fail(errc::not_found, "there is no store in " + dir);
  auto lock = lmdb_lock::acquire(ops, dir, lock_kind::exclusive);
  if (!lock)
    return fail(lock.error());
  // Not what another program has under the same name. Keeps the lock.
  auto store = lmdb_environment::open_alone(dir, *ops, std::move(*lock));
  if (!store)
    return fail(store.error());
  if (auto ok = remove_file(*ops, path_of(dir, lmdb_environment::file)); !ok)
    return ok;
  if (auto ok = sync_directory(*ops, dir); !ok)
    return ok;
  if (auto ok = remove_leftovers(*ops, dir); !ok)
    return ok;
  if (auto ok = remove_file(*ops, path_of(dir, lmdb_lock::file)); !ok)
    return ok;
  auto foreign = foreign_files(*ops, dir);
  if (!foreign)
    return fail(foreign.error());
  if (!foreign->empty())
    return fail(errc::io_error, "the store is destroyed, but " + dir
                                  + " stays, as it has files that are not "
                                    "larder's: "
                                  + *foreign);
  if (auto err = ops->remove_directory(dir); err != 0)
    return fail(io_failure("remove", dir, err));
  return sync_directory(*ops, parent_of(dir));
}

} // namespace larder::detail
