// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A fast backend in front of a durable one.

#pragma once

#include "larder/wrappers.hpp"

#include <cstdint>
#include <memory>

namespace larder {

/// What gets into the front of a tiered store.
struct tier_options {
  /// Whether what is committed is put into the front. Otherwise it is only
  /// taken out of service there.
  bool write_through = true;

  /// Whether blobs that are read whole from the back are put into the front.
  bool read_through = true;

  /// Bound on keys and blobs in the front, in bytes; 0: nothing gets there.
  /// Blobs and keys of more than a quarter of it stay in the back.
  uint64_t front_bytes = uint64_t{64} << 20;
};

/// What a tiered store has done since it was opened.
struct tier_counts {
  uint64_t hits = 0;          ///< requests answered by the front
  uint64_t misses = 0;        ///< requests answered by the back
  uint64_t front_bytes = 0;   ///< bytes in the answers of the front
  uint64_t back_bytes = 0;    ///< bytes in the answers of the back
  uint64_t fills = 0;         ///< blobs put into the front by reads
  uint64_t writes = 0;        ///< blobs put into the front by commits
  uint64_t evictions = 0;     ///< blobs that had to make room
  uint64_t invalidations = 0; ///< blobs that a change took out of service
  uint64_t front_errors = 0;  ///< calls on keys that failed in the front
  uint64_t front_keys = 0;    ///< blobs in the front that can be served
  uint64_t front_used = 0;    ///< bytes of keys and blobs in the front
  uint64_t front_limit = 0; ///< bound on these bytes; 0: the front is not used

  friend bool operator==(const tier_counts&, const tier_counts&) = default;
};

/// Serves from the front what is there, and everything else from the back,
/// which is the truth: commits, staging and listings are the back's, with its
/// outcomes; so are snapshots. A failure of the front is never an answer. Only
/// whole blobs get into the front; parts of them are then served as well.
///
/// Where other processes can write to the back (its domain is not `process`),
/// the front is only asked for what the back says, in the same call as
/// everything else that is read, to be the current revision.
///
/// When a commit leaves the state of the back unknown (`data_loss()`), the back
/// may change later without a commit: the front is left alone from then on,
/// unless its blobs are compared with the back anyway.
///
/// The URI for it is `tiered:URI`; see docs/wrappers.md.
class tiered_backend : public backend_wrapper {
public:
  /// @param back the truth; written by others only as its domain says
  /// @param front holds no keys, and is nobody else's
  tiered_backend(std::shared_ptr<backend> back, std::shared_ptr<backend> front,
                 tier_options options);
  ~tiered_backend() override;

  /// Those of the back; `nonblocking` and `partial_reads` only if the front has
  /// them too.
  capabilities caps() const override;
  std::vector<commit_outcome> commit(std::span<mutation> batch) override;
  std::vector<read_outcome>
  read(std::span<const read_request> requests) override;

  /// Returns what was counted so far. Each number is right; while calls are
  /// under way they need not be of the same moment.
  tier_counts counts() const;

  /// The figures of the back, those of the front as `front-NAME`, and the
  /// counts as `tier-NAME`.
  std::vector<engine_figure> figures() const override;

private:
  class tiers;

  std::unique_ptr<tiers> tiers_;
};

} // namespace larder
