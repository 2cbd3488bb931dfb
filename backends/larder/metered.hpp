// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A backend that measures another one.

#pragma once

#include "larder/wrappers.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

namespace larder {

/// What was measured of one kind of call since the backend was made.
struct call_measures {
  /// One more than the greatest number of an `errc`.
  static constexpr size_t num_codes = 26;

  /// How many buckets `latencies` has.
  static constexpr size_t num_buckets = 12;

  uint64_t calls = 0;
  /// Mutations, requests or listed keys; 1 for each call that stages, 0 for
  /// each that takes a snapshot.
  uint64_t keys = 0;
  /// Of blobs that were committed, read, listed (in part) or appended; staged
  /// ones count when they are appended.
  uint64_t bytes = 0;
  /// Outcomes that were an error, by the number of their `errc`. A call may
  /// count several times.
  std::array<uint64_t, num_codes> errors{};
  /// How long all calls took together.
  uint64_t nanoseconds = 0;
  /// How many calls took less than `bucket_end` of the same index, and not less
  /// than that of the one before.
  std::array<uint64_t, num_buckets> latencies{};

  /// Returns 1 µs, 4 µs, 16 µs and so on up to 1.05 s; the last bucket has no
  /// end (`max`).
  static constexpr std::chrono::nanoseconds bucket_end(size_t index) noexcept {
    return index + 1 < num_buckets
             ? std::chrono::microseconds{uint64_t{1} << (2 * index)}
             : std::chrono::nanoseconds::max();
  }

  friend bool operator==(const call_measures&, const call_measures&) = default;
};

/// Counts calls, keys, bytes, errors and time per kind of call. Thread-safe; a
/// call costs two looks at the clock and a few atomic additions. The URI for it
/// is `metered:URI`.
class metered_backend : public backend_wrapper {
public:
  explicit metered_backend(std::shared_ptr<backend> inner);
  ~metered_backend() override;

  /// Returns what was measured so far. Each number is right; while calls are
  /// under way they need not be of the same moment.
  call_measures measures(backend_call call) const;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override;
  std::vector<read_outcome>
  read(std::span<const read_request> requests) override;
  expected<list_page> list(const list_request& request) override;
  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override;
  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override;

  /// The figures of the backend inside and those measured, without zeros:
  /// `CALL-calls-total`, `CALL-keys-total`, `CALL-bytes-total`,
  /// `CALL-nanoseconds-total`, `CALL-ERROR-errors-total` and
  /// `CALL-under-N-us-total` (not cumulative; the last is `CALL-slower-total`).
  std::vector<engine_figure> figures() const override;

private:
  /// Shared with the staged blobs and the snapshots.
  class meters;
  class metered_staged_blob;
  class metered_snapshot;

  std::shared_ptr<meters> meters_;
};

} // namespace larder
