// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/chain.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/detail/file/workers.hpp"
#include "larder/detail/konserve/lock.hpp"
#include "larder/detail/konserve/sealer.hpp"
#include "larder/detail/konserve/window.hpp"
#include "larder/uuid.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace larder::detail::ksv {

/// How to open a konserve store.
struct store_config {
  std::string dir;            ///< absolute
  bool sync = true;           ///< answer only when durable
  bool make_fences = false;   ///< conditional changes make `.cas` files
  bool migrate = false;       ///< values in old layouts become blobs
  bool clear_binaries = true; ///< binaries are taken, though never encrypted
  std::optional<uuid> id;     ///< instead of one made from the place
  sealer crypt;
};

/// What the parts of an open store share.
struct store_state {
  store_state(store_config cfg, std::shared_ptr<file_ops> calls,
              store_lock held, const uuid& store);

  std::string path(const std::string& name) const {
    return config.dir + "/" + name;
  }

  const store_config config;
  const std::shared_ptr<file_ops> ops;
  const uuid id;

  /// Knows the codecs, and binds what is shown to the store.
  const chain blobs;

  // -- only while holding the mutex -------------------------------------------

  std::mutex writing;
  store_lock lock;
  workers pool;
  bool swept = false;
  /// A sync failed: what is on the medium is unknown, and a further sync would
  /// prove nothing. Nothing more is written through this object.
  bool failed = false;

  // -- any thread -------------------------------------------------------------

  window_cache windows;
  std::atomic<uint64_t> stages{0};
  /// Nodes of logs that are gone, as far as the latest listing has come.
  std::atomic<uint64_t> orphans{0};
  std::atomic<uint64_t> migrated{0};
};

} // namespace larder::detail::ksv
