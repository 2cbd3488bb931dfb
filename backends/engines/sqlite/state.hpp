// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "readers.hpp"
#include "writer.hpp"

#include "larder/uuid.hpp"

namespace larder::detail::sqlite {

/// An open store. Staged blobs keep it open as well.
class state {
public:
  state(config x, connection conn, const uuid& identity, bool log_was_empty,
        bool immutable)
    : cfg(std::move(x)),
      id(identity),
      readers(cfg, immutable),
      out(cfg, std::move(conn), log_was_empty) {
    // nop
  }

  ~state() {
    auto keep_log = out.keeps_log();
    readers.close(keep_log);
    out.conn().keep_log_on_close(keep_log);
  }

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  const config cfg;
  const uuid id;
  reader_pool readers;
  writer out;
  /// How many blobs are being staged.
  std::atomic<uint64_t> stages = 0;
};

} // namespace larder::detail::sqlite
