// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading blobs as they are, for backups. The functions block.

#pragma once

#include "larder/internal/context.hpp"
#include "larder/messages/backup.hpp"

namespace larder::internal {

/// Where to read: the engine as it is now, or a snapshot of it.
class stored_source {
public:
  stored_source(store_context& ctx, actor_statistics& stats)
    : ctx_(ctx), stats_(&stats) {
    // nop
  }

  /// Counts into what all actors share.
  stored_source(store_context& ctx, backend_snapshot& moment)
    : ctx_(ctx), moment_(&moment) {
    // nop
  }

  store_context& context() const noexcept {
    return ctx_;
  }

  expected<list_page> list(const list_request& req) const;
  read_outcome read(const read_request& req) const;

private:
  store_context& ctx_;
  actor_statistics* stats_ = nullptr;
  backend_snapshot* moment_ = nullptr;
};

/// Makes one page of what is stored.
expected<list_stored_reply> list_stored(const stored_source& from,
                                        const list_stored_request& req);

/// Reads bytes of one blob, all of the same revision.
expected<read_stored_reply> read_stored(const stored_source& from,
                                        const read_stored_request& req);

} // namespace larder::internal
