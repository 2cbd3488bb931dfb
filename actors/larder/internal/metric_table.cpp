// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/metric_table.hpp"

namespace larder::internal {

namespace {

using stats = actor_statistics;
using operation = actor_statistics::operation;
using enum metric_type;

/// After a change run scripts/write-metrics, which writes docs/metrics.md.
constexpr metric_row table[] = {
  // -- operations -------------------------------------------------------------
  {{"larder_operations_total", counter, "", "operation",
    "Operations answered, errors included"},
   "operations/*/count",
   &operation::count},
  {{"larder_operation_errors_total", counter, "", "operation",
    "Operations answered with an error, also with not_found"},
   "operations/*/errors",
   &operation::errors},
  {{"larder_operation_duration_seconds", histogram, "seconds", "operation",
    "From the arrival of a request to its answer; ranges of binaries are not "
    "timed"},
   "operations/*/microseconds",
   &operation::microseconds},
  {{"larder_operations_in_flight", gauge, "", "",
    "Operations on keys that have been taken and not yet answered"},
   "requests/in-flight",
   &stats::in_flight},
  {{"larder_pending_bytes", gauge, "bytes", "",
    "Memory that operations in flight keep"},
   "requests/pending-bytes",
   &stats::pending_bytes},
  {{"larder_overloaded_total", counter, "", "",
    "Operations refused because too much was under way"},
   "requests/overloaded",
   &stats::overloaded},
  {{"larder_slow_operations_total", counter, "", "",
    "Operations that took as long as the threshold of the slow-operation log, "
    "if there is one"},
   "requests/slow",
   &stats::slow},
  {{"larder_open_streams", gauge, "", "",
    "Binaries that are being written piece by piece"},
   "requests/streams",
   &stats::streams},
  // -- cache ------------------------------------------------------------------
  {{"larder_cache_hits_total", counter, "", "",
    "Operations that found their key decoded in memory"},
   "cache/hits",
   &stats::cache_hits},
  {{"larder_cache_misses_total", counter, "", "",
    "Operations that had to ask the engine for their key"},
   "cache/misses",
   &stats::cache_misses},
  {{"larder_cache_evictions_total", counter, "", "",
    "Values that made room for others"},
   "cache/evictions",
   &stats::cache_evictions},
  {{"larder_cache_bytes", gauge, "bytes", "",
    "Memory that decoded values take up in the caches"},
   "cache/bytes",
   &stats::cache_bytes},
  // -- commits ----------------------------------------------------------------
  {{"larder_commits_total", counter, "", "", "Batches given to the engine"},
   "commits/batches",
   &stats::commits},
  {{"larder_mutations_total", counter, "", "",
    "Changes of a key given to the engine"},
   "commits/mutations",
   &stats::mutations},
  {{"larder_mutations_queued", gauge, "", "",
    "Changes of a key that wait for an engine that blocks, or are in a commit"},
   "commits/queued",
   difference{&stats::queued, &stats::unqueued}},
  {{"larder_commit_failures_total", counter, "", "",
    "Changes of a key that the engine failed to make; conflicts not included"},
   "commits/failures",
   &stats::commit_failures},
  {{"larder_conflicts_total", counter, "", "",
    "Changes of a key that lost against another process and were done again"},
   "commits/conflicts",
   &stats::conflicts},
  {{"larder_combined_mutations_total", counter, "", "",
    "Changes that shared a commit with another one on the same key"},
   "commits/combined",
   &stats::combined},
  {{"larder_commit_size", histogram, "", "", "Changes of a key per commit"},
   "commits/batch-sizes",
   &stats::batch_sizes},
  {{"larder_commit_duration_seconds", histogram, "seconds", "",
    "How long the engine took per commit"},
   "commits/microseconds",
   &stats::commit_microseconds},
  // -- bytes ------------------------------------------------------------------
  {{"larder_plain_written_bytes_total", counter, "bytes", "",
    "Content written, serialized, before compression and encryption"},
   "bytes/plain-written",
   &stats::plain_written},
  {{"larder_stored_written_bytes_total", counter, "bytes", "",
    "Blobs made of it, as given to the engine, metadata included"},
   "bytes/stored-written",
   &stats::stored_written},
  {{"larder_plain_read_bytes_total", counter, "bytes", "",
    "Content read, serialized, after decryption and decompression"},
   "bytes/plain-read",
   &stats::plain_read},
  {{"larder_stored_read_bytes_total", counter, "bytes", "",
    "What the engine read for it, metadata included"},
   "bytes/stored-read",
   &stats::stored_read},
  // -- upkeep -----------------------------------------------------------------
  {{"larder_expired_keys_total", counter, "", "",
    "Expired keys whose space was freed"},
   "collection/expired",
   &stats::expired},
  {{"larder_collection_rounds_total", counter, "", "",
    "Searches for expired keys through the whole store"},
   "collection/rounds",
   &stats::collection_rounds},
  {{"larder_sweeps_total", counter, "", "", "Sweeps begun"},
   "collection/sweeps",
   &stats::sweeps},
  {{"larder_swept_keys_total", counter, "", "", "Keys deleted by sweeps"},
   "collection/swept",
   &stats::swept},
  {{"larder_marked_keys_total", counter, "", "",
    "Keys that sweeps found to be reachable"},
   "collection/marked",
   &stats::marked},
  {{"larder_verified_keys_total", counter, "", "",
    "Keys checked by verify_request and found sound"},
   "verification/verified",
   &stats::verified},
  {{"larder_damaged_keys_total", counter, "", "",
    "How often a damaged key was met, by any operation"},
   "verification/damaged",
   &stats::damaged},
};

} // namespace

std::span<const metric_row> metric_table() noexcept {
  return table;
}

} // namespace larder::internal
