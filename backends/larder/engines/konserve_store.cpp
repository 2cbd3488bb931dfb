// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/identity.hpp"
#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/store.hpp"
#include "larder/konserve/hasch.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>

namespace larder::detail::ksv {

namespace {

using ops_ptr = std::shared_ptr<file_ops>;

/// Makes an identity for a store that has none: from the place of the directory
/// and when it was made, so that a store made anew has another one.
expected<uuid> identity_of(const file_handle& dir) {
  std::unique_ptr<char, void (*)(void*)> real{
    ::realpath(dir.path().c_str(), nullptr), std::free};
  struct statx info {};
  auto err
    = ::statx(dir.fd(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info);
  if (!real || err != 0)
    return fail(io_failure("look at", dir.path(), errno));
  auto place = value::vector(
    {value::keyword("larder/konserve-store"), value{to_bytes(real.get())},
     value{static_cast<uint64_t>(info.stx_ino)},
     value{static_cast<int64_t>(info.stx_btime.tv_sec)},
     value{static_cast<int64_t>(info.stx_btime.tv_nsec)}});
  return konserve::hasch_uuid(place);
}

chain_config make_chain() {
  chain_config result;
  result.registry = std::make_shared<const codec_registry>();
  result.plain_binaries = true;
  return result;
}

constexpr size_t sync_threads = 16;

} // namespace

store_state::store_state(store_config cfg, ops_ptr calls, store_lock held,
                         const uuid& store)
  : config(std::move(cfg)),
    ops(std::move(calls)),
    id(store),
    blobs(id, make_chain()),
    lock(std::move(held)),
    pool(sync_threads) {
  // nop
}

expected<std::unique_ptr<backend>> create_store(store_config config,
                                                ops_ptr ops) {
  auto& dir = config.dir;
  std::string foreign;
  auto is_store = false;
  auto err = ops->list(dir, [&](std::string_view name, file_kind kind) {
    if (classify(name, kind).role == file_role::foreign)
      foreign = name;
    else
      is_store = true;
  });
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("list", dir, err));
  if (is_store)
    return fail(errc::already_exists,
                "there is a konserve store in " + dir + " already");
  if (!foreign.empty())
    return fail(errc::invalid_argument,
                dir + " is no konserve store and not empty (it has \"" + foreign
                  + "\"); choose another directory");
  if (auto ok = make_directories(*ops, dir, config.sync); !ok)
    return fail(ok.error());
  return open_store(std::move(config), std::move(ops));
}

expected<std::unique_ptr<backend>> open_store(store_config config,
                                              ops_ptr ops) {
  return open_state(std::move(config), std::move(ops))
    .map([](std::shared_ptr<store_state>&& x) {
      return make_backend(std::move(x));
    });
}

expected<std::shared_ptr<store_state>> open_state(store_config config,
                                                  ops_ptr ops) {
  auto lock = store_lock::acquire(ops, config.dir, false);
  if (!lock)
    return fail(lock.error());
  auto id = config.id ? expected<uuid>{*config.id}
                      : identity_of(lock->directory());
  if (!id)
    return fail(id.error());
  return std::make_shared<store_state>(std::move(config), std::move(ops),
                                       std::move(*lock), *id);
}

expected<bool> store_exists(const std::string& dir, file_ops& ops) {
  struct stat info {};
  auto err = ops.stat(dir, info);
  if (err == -ENOENT || err == -ENOTDIR)
    return false;
  if (err != 0)
    return fail(io_failure("look at", dir, err));
  return S_ISDIR(info.st_mode);
}

expected<void> destroy_store(const store_config& config, ops_ptr ops) {
  auto& dir = config.dir;
  auto lock = store_lock::acquire(ops, dir, true);
  if (!lock)
    return fail(lock.error());
  std::vector<std::string> own;
  std::string others;
  auto err = ops->list(dir, [&](std::string_view name, file_kind kind) {
    auto role = classify(name, kind).role;
    if (role == file_role::blob || role == file_role::ours
        || role == file_role::helper)
      own.push_back(dir + "/" + std::string{name});
    else
      others += (others.empty() ? "" : ", ") + std::string{name};
  });
  if (err != 0)
    return fail(io_failure("list", dir, err));
  if (!others.empty())
    return fail(errc::invalid_argument,
                dir
                  + " is not destroyed, as it has files that are not of a "
                    "konserve store of today: "
                  + others + "; remove them first");
  for (auto& path : own)
    if (err = ops->unlink(path); err != 0 && err != -ENOENT)
      return fail(io_failure("remove", path, err));
  return remove_store_directory(*ops, dir, config.sync);
}

} // namespace larder::detail::ksv
