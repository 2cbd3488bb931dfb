// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "snapshot.hpp"

#include "read.hpp"

#include "larder/detail/exceptions.hpp"

#include <unistd.h>

#include <algorithm>
#include <tuple>

namespace larder::detail {

namespace {

/// Bounds on the room that the map has when a snapshot begins, so that it need
/// not be replaced soon. The file gets longer by a hole.
constexpr uint64_t min_room = uint64_t{64} << 20;
constexpr uint64_t max_room = uint64_t{4} << 30;

/// Whole pages, whatever size they have.
constexpr uint64_t room_unit = uint64_t{64} << 10;

class lmdb_snapshot : public backend_snapshot {
public:
  lmdb_snapshot(std::shared_ptr<lmdb_environment> env,
                std::unique_ptr<lmdb_moment> moment)
    : env_(std::move(env)), moment_(std::move(moment)) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return moment_->use([&](MDB_txn* txn) {
      std::vector<read_outcome> result;
      for (auto& x : requests)
        result.push_back(with(txn, [&] { return lmdb_read(*env_, txn, x); }));
      return result;
    });
  }

  expected<list_page> list(const list_request& request) override {
    return moment_->use([&](MDB_txn* txn) {
      return with(txn, [&] { return lmdb_list(*env_, txn, request); });
    });
  }

private:
  template <class F>
  static auto with(MDB_txn* txn, F f) -> decltype(f()) {
    if (txn == nullptr)
      return fail(errc::conflict, "the snapshot was given up, as the store "
                                  "had to grow; take another one");
    return without_exceptions(f);
  }

  std::shared_ptr<lmdb_environment> env_; // closed last
  std::unique_ptr<lmdb_moment> moment_;
};

} // namespace

// -- lmdb_moment --------------------------------------------------------------

lmdb_moment::~lmdb_moment() {
  {
    std::lock_guard guard{env_.moments_mutex_};
    std::erase(env_.moments_, this);
  }
  end();
}

bool lmdb_moment::end() {
  std::lock_guard guard{mutex_};
  auto* txn = std::exchange(txn_, nullptr);
  if (txn != nullptr && env_.pid_ == ::getpid()) // else it is the parent's
    mdb_txn_abort(txn);
  return txn != nullptr;
}

// -- lmdb_environment ---------------------------------------------------------

expected<std::unique_ptr<lmdb_moment>>
lmdb_environment::begin_moment(const lmdb_write_options& options) {
  widen(options);
  auto result = std::make_unique<lmdb_moment>(*this);
  auto reader = begin_read();
  if (!reader)
    return fail(reader.error());
  {
    std::lock_guard guard{moments_mutex_};
    moments_.push_back(result.get());
    result->txn_ = reader->txn();
  }
  reader->env_ = nullptr; // the transaction goes on outside of the gate
  gate_.leave(nullptr);
  return result;
}

/// Grows the map now, while that disturbs nobody. Without it the snapshot is
/// only given up sooner.
void lmdb_environment::widen(const lmdb_write_options& options) {
  std::lock_guard guard{writing_};
  {
    std::lock_guard moments_guard{moments_mutex_};
    if (!moments_.empty())
      return;
  }
  if (env_ == nullptr)
    return;
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  uint64_t size = info.me_mapsize;
  auto used = (uint64_t{info.me_last_pgno} + 1) * stat.ms_psize;
  auto wanted = used + std::clamp(used, min_room, max_room);
  if (options.max_size != 0)
    wanted = std::min(wanted, options.max_size);
  wanted = wanted / room_unit * room_unit;
  if (wanted <= size)
    return;
  // The first write makes the file as long; who only reads writes nothing.
  if (!prepared_) {
    std::ignore = set_map_size(wanted);
    return;
  }
  auto more = options;
  more.size_hint = wanted - size;
  if (check_writable())
    std::ignore = grow(more);
}

bool lmdb_environment::end_moments() {
  std::lock_guard guard{moments_mutex_};
  auto result = false;
  for (auto* x : moments_)
    result = x->end() || result;
  return result;
}

// -- snapshots ----------------------------------------------------------------

expected<std::unique_ptr<backend_snapshot>>
make_lmdb_snapshot(std::shared_ptr<lmdb_environment> env,
                   const lmdb_write_options& options) {
  auto moment = env->begin_moment(options);
  if (!moment)
    return fail(moment.error());
  return std::make_unique<lmdb_snapshot>(std::move(env), std::move(*moment));
}

} // namespace larder::detail
