// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/backend.hpp"
#include "larder/detail/file/groups.hpp"
#include "larder/detail/file/lock.hpp"
#include "larder/detail/file/names.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/detail/file/workers.hpp"
#include "larder/uuid.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace larder::detail {

/// How to open a file store.
struct file_config {
  std::string dir;     ///< absolute
  bool sync = true;    ///< answer only when durable
  bool shared = true;  ///< other processes may open the store as well
  size_t threads = 16; ///< how many syncs may wait at once
};

/// What a writer knows of a fan-out directory.
enum class dir_state : uint8_t {
  unknown, ///< may be missing, or not be durable in the store's directory
  ready,
  /// A sync failed: what is on the medium is unknown, and a further sync would
  /// prove nothing. Nothing more is written there through this object.
  failed,
};

/// What the parts of an open file store share.
struct file_state {
  file_state(file_config cfg, std::shared_ptr<file_ops> calls, store_lock held,
             const uuid& store)
    : config(std::move(cfg)),
      ops(std::move(calls)),
      lock(std::move(held)),
      id(store),
      groups(config, *ops, lock, id),
      pool(config.threads) {
    // nop
  }

  std::string dir_path(unsigned dir) const {
    return config.dir + "/" + dir_name(dir);
  }

  std::string path(const file_name& name) const {
    return config.dir + "/" + name.relative();
  }

  const file_config config;
  const std::shared_ptr<file_ops> ops;

  // -- only while holding the mutex -------------------------------------------

  std::mutex writing;
  store_lock lock;
  std::array<dir_state, fan_out> dirs{};
  dir_set swept;
  bool root_synced = false;

  const uuid id;
  group_gate groups;
  workers pool;

  /// Blobs that are being written piece by piece.
  std::atomic<uint64_t> stages{0};
};

} // namespace larder::detail
