// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a disk loses when a sync fails.

#pragma once

#include "larder/bytes.hpp"

#include <cstdint>
#include <map>

namespace trials {

/// What was written to one file since it was last made durable, and what it
/// replaced. After a failed sync the kernel takes what it could not write for
/// written (as Linux does): it is lost, and a further sync that succeeds proves
/// nothing, until the same bytes are written anew.
class unsynced {
public:
  /// By offset: the bytes that are on the disk.
  using extents = std::map<uint64_t, larder::bytes>;

  /// Bytes are about to be written.
  /// @param old what the file holds there; shorter at its end
  void write(uint64_t offset, uint64_t size, larder::bytes_view old);

  /// The file is cut off; that is taken to be durable at once.
  void truncate(uint64_t size);

  void sync_succeeded();
  void sync_failed();

  /// What must be written back to make the loss true.
  const extents& lost() const {
    return lost_;
  }

private:
  extents pending_;
  extents lost_;
};

} // namespace trials
